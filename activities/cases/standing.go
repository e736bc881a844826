package cases

import (
	"context"

	"aftercare.dev/activities/fault"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/httpclient"
)

// Standing is a case as it is recorded, without what people said.
type Standing struct {
	Version int64  `json:"version"`
	OrderID string `json:"order_id"`
	BuyerID string `json:"buyer_id"`
	// State has the outcome of a closed case.
	State api.CaseState `json:"state"`
}

// Standing reads the case. One that was never opened: fault.Missing.
func (a *Activities) Standing(ctx context.Context, in CaseRef) (Standing, error) {
	answer, err := a.client.GetCaseWithResponse(ctx, in.MerchantID, in.CaseID, nil)
	if err != nil {
		return Standing{}, fault.From(err)
	}
	c, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return Standing{}, fault.From(err)
	}
	return Standing{Version: c.Version, OrderID: c.OrderID, BuyerID: c.BuyerID, State: api.CaseState{
		Stage: c.Stage, Status: c.Status, Outcome: c.Outcome, NextActions: c.NextActions, Attention: c.Attention, Lines: &c.Lines,
		Refund: c.Refund, Shipment: c.Shipment, Insurance: c.Insurance,
	}}, nil
}
