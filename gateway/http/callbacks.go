package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"go.temporal.io/api/serviceerror"

	logistics "aftercare.dev/services/logistics/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// maxCallbackQuery is the longest query of a callback, in bytes.
const maxCallbackQuery = 4096

// message is what a provider sent. Whether it is genuine is for the service to say, which has the keys.
type message struct {
	headers map[string]string
	query   string
	body    []byte
}

// reply is what to answer, and what happened according to the service.
type reply struct {
	status      int
	contentType string
	body        string
	events      []wake
}

// wake is a signal: something may have changed, look.
type wake struct {
	workflowID, signal string
	event              contract.Event
	// money is the case whose money it is about; it is told if the workflow has ended.
	money *contract.Case
}

// Callback is a handler of what a provider sends. It is mounted beside the contract: the token of a user is not asked
// for, since the service checks the provider's own signature over the bytes as they came.
type Callback func(context.Context, *http.Request, message) (reply, error)

// Carrier takes callbacks of kuaidi100, whose address ends in an unguessable token.
func (h *Handlers) Carrier(ctx context.Context, r *http.Request, m message) (reply, error) {
	answer, err := read(h.Services.Logistics.ReceiveCarrierCallbackWithResponse(ctx, r.PathValue("token"), logistics.Callback{
		Headers: m.headers, Query: m.query, Body: m.body,
	}))
	return reply{answer.Status, answer.ContentType, answer.Body, each(answer.Events, func(e logistics.CaseEvent) wake {
		return wake{
			workflowID: contract.CaseWorkflowID(e.MerchantID, e.CaseID), signal: contract.CarrierEvent,
			event: contract.Event{EventID: e.EventID, Subject: e.Subject},
		}
	})}, err
}

// Insurer takes the message pushes of the freight insurer. When an address is entered, the insurer asks with GET for the
// echo of a word under its signature.
func (h *Handlers) Insurer(ctx context.Context, r *http.Request, m message) (reply, error) {
	answer, err := read(h.Services.Logistics.ReceiveInsurerCallbackWithResponse(ctx, logistics.Callback{
		Headers: m.headers, Query: m.query, Body: m.body,
	}))
	if err == nil && r.Method == http.MethodGet && answer.Status != http.StatusForbidden {
		return reply{status: http.StatusOK, contentType: "text/plain; charset=utf-8", body: r.URL.Query().Get("echostr")}, nil
	}
	return reply{answer.Status, answer.ContentType, answer.Body, each(answer.Events, func(e logistics.CaseEvent) wake {
		return wake{
			workflowID: contract.FreightClaimWorkflowID(e.MerchantID, e.CaseID), signal: contract.InsurerEvent,
			event: contract.Event{EventID: e.EventID, Subject: e.Subject},
		}
	})}, err
}

// Payments takes the refund notifications of WeChat Pay. One about a refund whose workflow has ended is news for its case.
func (h *Handlers) Payments(ctx context.Context, _ *http.Request, m message) (reply, error) {
	answer, err := read(h.Services.Payment.ReceivePaymentCallbackWithResponse(ctx, payment.Callback{
		Headers: m.headers, Query: m.query, Body: m.body,
	}))
	return reply{answer.Status, answer.ContentType, answer.Body, each(answer.Events, func(e payment.CaseEvent) wake {
		return wake{
			workflowID: contract.RefundWorkflowID(e.MerchantID, e.Subject), signal: contract.PaymentEvent,
			event: contract.Event{EventID: e.EventID, Subject: e.Subject},
			money: &contract.Case{MerchantID: e.MerchantID, CaseID: e.CaseID},
		}
	})}, err
}

// Receive makes an HTTP handler of a callback. The provider is answered only after every workflow concerned was woken;
// until then it gets an error and sends again.
func (h *Handlers) Receive(callback Callback, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, err := messageOf(r)
		if err != nil {
			refuse(w, r, err)
			return
		}
		answer, err := callback(r.Context(), r, m)
		if err == nil {
			err = h.signal(r.Context(), answer.events)
		}
		if err != nil {
			refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", answer.contentType)
		w.WriteHeader(answer.status)
		if _, err := io.WriteString(w, answer.body); err != nil {
			h.Log.DebugContext(r.Context(), "answer to a provider not delivered", "error", err)
		}
	})
}

func messageOf(r *http.Request) (message, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return message{}, problem.New(http.StatusUnsupportedMediaType, CodeCallbackRefused, "a callback must not be compressed")
	}
	if len(r.URL.RawQuery) > maxCallbackQuery {
		return message{}, problem.New(http.StatusRequestURITooLong, CodeCallbackRefused, "the query of the callback is too long")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return message{}, problem.TooLarge(tooLarge.Limit)
		}
		return message{}, problem.Invalid("", "the callback cannot be read").WithCause(err)
	}
	m := message{headers: map[string]string{}, query: r.URL.RawQuery, body: body}
	for name := range r.Header {
		if name == "Content-Type" || strings.HasPrefix(name, "Wechatpay-") {
			m.headers[name] = r.Header.Get(name)
		}
	}
	return m, nil
}

// signal wakes the workflows. One that has ended needs no waking, but its case may have to know.
func (h *Handlers) signal(ctx context.Context, events []wake) error {
	for _, e := range events {
		err := h.Temporal.SignalWorkflow(ctx, e.workflowID, "", e.signal, e.event)
		var missing *serviceerror.NotFound
		if errors.As(err, &missing) {
			if err = nil; e.money != nil {
				err = h.mindMoney(ctx, *e.money, e.event)
			}
		}
		if err != nil {
			return problem.Unavailable(problem.CodeUnavailable, "the message cannot be passed on at the moment; send it again").
				WithCause(fmt.Errorf("signal %s: %w", e.signal, err))
		}
	}
	return nil
}
