package http

import (
	"context"
	"errors"
	"net/http"

	"aftercare.dev/services/logistics/api"
	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/freightinsurance"
	"aftercare.dev/services/logistics/kuaidi100"
	"aftercare.dev/services/platform/problem"
)

// ReceiveCarrierCallback takes an order callback or a tracking push. What is not believed or not
// understood is told to the provider in its own words and changes nothing.
func (h *Handlers) ReceiveCarrierCallback(ctx context.Context, r api.ReceiveCarrierCallbackRequestObject) (api.ReceiveCarrierCallbackResponseObject, error) {
	body := r.Body.Body
	events, err := h.shipping.Callback(ctx, r.Token, body, func(salt string) (domain.Report, error) {
		return kuaidi100.ParseCallback(body, salt, h.now())
	})
	answer := api.CallbackAnswer{
		Status: http.StatusOK, ContentType: kuaidi100.AnswerType, Body: kuaidi100.Acknowledged,
		Events: []api.CaseEvent{},
	}
	switch {
	case errors.Is(err, kuaidi100.ErrForged), problem.HasCode(err, domain.CodeShipmentNotFound):
		answer.Status, answer.Body = http.StatusBadRequest, kuaidi100.NotBelieved
	case errors.Is(err, kuaidi100.ErrMalformed):
		answer.Status, answer.Body = http.StatusBadRequest, kuaidi100.NotUnderstood
	case err != nil:
		return nil, err
	}
	for _, e := range events {
		answer.Events = append(answer.Events, api.CaseEvent{
			EventID: e.ID, MerchantID: e.MerchantID, CaseID: e.CaseID, Subject: e.Subject,
		})
	}
	return api.ReceiveCarrierCallback200JSONResponse(answer), nil
}

// ReceiveInsurerCallback takes a message push of the insurer.
func (h *Handlers) ReceiveInsurerCallback(ctx context.Context, r api.ReceiveInsurerCallbackRequestObject) (api.ReceiveInsurerCallbackResponseObject, error) {
	answer := api.CallbackAnswer{
		Status: http.StatusOK, ContentType: freightinsurance.AnswerType, Body: freightinsurance.Acknowledged,
		Events: []api.CaseEvent{},
	}
	event, err := h.insurer.ParseEvent(r.Body.Query, r.Body.Body)
	switch {
	case errors.Is(err, freightinsurance.ErrForged):
		answer.Status, answer.Body = http.StatusForbidden, "signature"
	case err != nil:
		answer.Status, answer.Body = http.StatusBadRequest, "malformed"
	}
	// An event that was not believed or not understood is empty, and so concerns nobody.
	events, err := h.insurance.Decided(ctx, event.PaymentReference, event.Paid)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		answer.Events = append(answer.Events, api.CaseEvent{
			EventID: e.ID, MerchantID: e.MerchantID, CaseID: e.CaseID, Subject: e.Subject,
		})
	}
	return api.ReceiveInsurerCallback200JSONResponse(answer), nil
}
