// Package payment is what a workflow may ask of the payment service.
package payment

import (
	"context"
	"net/http"

	"aftercare.dev/activities/fault"
	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

// Activities run in the worker. Names are the methods' with [Prefix] before them.
type Activities struct {
	http   *httpclient.Client
	client *api.ClientWithResponses
	// slow is for the one call that takes minutes.
	slow *api.ClientWithResponses
}

// Prefix is what the names of these activities begin with.
const Prefix = "payment."

// New returns the activities that call the payment service at the address in o.
func New(o httpclient.Options) (*Activities, error) {
	calls := httpclient.New(o)
	client, err := api.NewClientWithResponses(o.BaseURL, api.WithHTTPClient(calls))
	if err != nil {
		return nil, err
	}
	o.Timeout = comparing
	slow, err := api.NewClientWithResponses(o.BaseURL, api.WithHTTPClient(httpclient.New(o)))
	if err != nil {
		return nil, err
	}
	return &Activities{http: calls, client: client, slow: slow}, nil
}

// Refund asks for money to go back.
type Refund struct {
	MerchantID string          `json:"merchant_id"`
	RefundID   string          `json:"refund_id"`
	Input      api.RefundInput `json:"input"`
}

// RefundRef names a refund.
type RefundRef struct {
	MerchantID string `json:"merchant_id"`
	RefundID   string `json:"refund_id"`
}

// Resolution is a person's answer to a refund that needs attention.
type Resolution struct {
	MerchantID string                 `json:"merchant_id"`
	RefundID   string                 `json:"refund_id"`
	Input      api.ResolveRefundInput `json:"input"`
}

// Booking is money that is not a refund, for the ledger.
type Booking struct {
	MerchantID string                 `json:"merchant_id"`
	BookingID  string                 `json:"booking_id"`
	Input      api.LedgerBookingInput `json:"input"`
}

// Reserve guards and mints the refund, once for its id.
func (a *Activities) Reserve(ctx context.Context, in Refund) (api.Refund, error) {
	answer, err := a.client.ReserveRefundWithResponse(ctx, in.MerchantID, in.RefundID, in.Input)
	if err != nil {
		return api.Refund{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// Submit sends every part that the provider does not have.
func (a *Activities) Submit(ctx context.Context, in RefundRef) (api.Refund, error) {
	answer, err := a.client.SubmitRefundWithResponse(ctx, in.MerchantID, in.RefundID)
	if err != nil {
		return api.Refund{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// Query asks the provider how the refund stands.
func (a *Activities) Query(ctx context.Context, in RefundRef) (api.Refund, error) {
	refresh := true
	answer, err := a.client.GetRefundWithResponse(ctx, in.MerchantID, in.RefundID, &api.GetRefundParams{Refresh: &refresh})
	if err != nil {
		return api.Refund{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// Resolve carries out what finance decided.
func (a *Activities) Resolve(ctx context.Context, in Resolution) (api.Refund, error) {
	answer, err := a.client.ResolveRefundWithResponse(ctx, in.MerchantID, in.RefundID, in.Input)
	if err != nil {
		return api.Refund{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// Book takes a booking to the phase in its input, once, and tells how it stands. A payment service from before the ledger
// is waited for; during an upgrade there may be a newer instance beside it.
func (a *Activities) Book(ctx context.Context, in Booking) (api.LedgerBookingState, error) {
	answer, err := a.client.PutLedgerBookingWithResponse(ctx, in.MerchantID, in.BookingID, in.Input)
	if err != nil {
		return "", fault.From(err)
	}
	if code := answer.StatusCode(); isOlder(code) && in.Input.Phase == api.LedgerBookingInputPhasePost {
		a.http.CloseIdleConnections()
		return "", fault.From(problem.Unavailable(problem.CodeUnavailable, "the payment service keeps no ledger yet: upgrade it"))
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out.State, fault.From(err)
}

// isOlder tells that the service does not know the operation: what is posted is never answered so.
func isOlder(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed
}
