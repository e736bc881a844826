// Package order is what a workflow may ask of the order service.
package order

import (
	"context"

	"aftercare.dev/activities/fault"
	"aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
)

// Activities run in the worker. Names are the methods' with [Prefix] before them.
type Activities struct{ client *api.ClientWithResponses }

// Prefix is what the names of these activities begin with.
const Prefix = "order."

// New returns the activities that call the order service at the address in o.
func New(o httpclient.Options) (*Activities, error) {
	client, err := api.NewClientWithResponses(o.BaseURL, api.WithHTTPClient(httpclient.New(o)))
	if err != nil {
		return nil, err
	}
	return &Activities{client: client}, nil
}

// Units are units of lines of an order, for a case.
type Units struct {
	MerchantID string             `json:"merchant_id"`
	OrderID    string             `json:"order_id"`
	CaseID     string             `json:"case_id"`
	Lines      []api.LineQuantity `json:"lines"`
}

// Reserve sets the units aside, all or none. It answers with the state only: nobody reads more, and the answer is in the history.
func (a *Activities) Reserve(ctx context.Context, in Units) (api.Reservation, error) {
	answer, err := a.client.ReserveUnitsWithResponse(ctx, in.MerchantID, in.OrderID, in.CaseID, api.ReserveUnitsInput{Lines: in.Lines})
	if err != nil {
		return api.Reservation{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return api.Reservation{State: out.State}, fault.From(err)
}

// Settle ends the reservation: the lines are returned for good, the rest is free again.
func (a *Activities) Settle(ctx context.Context, in Units) (api.Reservation, error) {
	lines := in.Lines
	if lines == nil {
		lines = []api.LineQuantity{}
	}
	answer, err := a.client.SettleReservationWithResponse(ctx, in.MerchantID, in.OrderID, in.CaseID, api.SettleReservationInput{Lines: lines})
	if err != nil {
		return api.Reservation{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}
