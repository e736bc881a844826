// Package logistics is what a workflow may ask of the logistics service.
package logistics

import (
	"context"

	"aftercare.dev/activities/fault"
	"aftercare.dev/services/logistics/api"
	"aftercare.dev/services/platform/httpclient"
)

// Activities run in the worker. Names are the methods' with [Prefix] before them.
type Activities struct{ client *api.ClientWithResponses }

// Prefix is what the names of these activities begin with.
const Prefix = "logistics."

// New returns the activities that call the logistics service at the address in o.
func New(o httpclient.Options) (*Activities, error) {
	client, err := api.NewClientWithResponses(o.BaseURL, api.WithHTTPClient(httpclient.New(o)))
	if err != nil {
		return nil, err
	}
	return &Activities{client: client}, nil
}

// Shipment asks for a parcel to travel.
type Shipment struct {
	MerchantID string            `json:"merchant_id"`
	ShipmentID string            `json:"shipment_id"`
	Input      api.ShipmentInput `json:"input"`
}

// ShipmentRef names a parcel.
type ShipmentRef struct {
	MerchantID string `json:"merchant_id"`
	ShipmentID string `json:"shipment_id"`
	// Refresh asks the carrier instead of taking what is known.
	Refresh bool `json:"refresh,omitempty"`
}

// NewSlot names a parcel and the new time of its courier.
type NewSlot struct {
	MerchantID string   `json:"merchant_id"`
	ShipmentID string   `json:"shipment_id"`
	Slot       api.Slot `json:"slot"`
}

// Claim names the case, order and parcel that a freight insurance claim is about.
type Claim struct {
	MerchantID string `json:"merchant_id"`
	CaseID     string `json:"case_id"`
	OrderID    string `json:"order_id"`
	ShipmentID string `json:"shipment_id"`
}

// CreateShipment books a courier or registers a parcel, once for its id.
func (a *Activities) CreateShipment(ctx context.Context, in Shipment) (api.Shipment, error) {
	answer, err := a.client.CreateShipmentWithResponse(ctx, in.MerchantID, in.ShipmentID, in.Input)
	if err != nil {
		return api.Shipment{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// GetShipment tells where the parcel is.
func (a *Activities) GetShipment(ctx context.Context, in ShipmentRef) (api.Shipment, error) {
	answer, err := a.client.GetShipmentWithResponse(ctx, in.MerchantID, in.ShipmentID, &api.GetShipmentParams{Refresh: &in.Refresh})
	if err != nil {
		return api.Shipment{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// Reschedule moves the courier to another time.
func (a *Activities) Reschedule(ctx context.Context, in NewSlot) (api.Shipment, error) {
	answer, err := a.client.ReschedulePickupWithResponse(ctx, in.MerchantID, in.ShipmentID, api.RescheduleInput{Slot: in.Slot})
	if err != nil {
		return api.Shipment{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// CancelShipment calls the courier off; the answer tells whether it was in time.
func (a *Activities) CancelShipment(ctx context.Context, in ShipmentRef) (api.Shipment, error) {
	answer, err := a.client.CancelShipmentWithResponse(ctx, in.MerchantID, in.ShipmentID)
	if err != nil {
		return api.Shipment{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// FileClaim claims the return freight at the insurer, once per order.
func (a *Activities) FileClaim(ctx context.Context, in Claim) (api.InsuranceClaim, error) {
	answer, err := a.client.FileInsuranceClaimWithResponse(ctx, in.MerchantID, in.CaseID,
		api.InsuranceClaimInput{OrderID: in.OrderID, ShipmentID: in.ShipmentID})
	if err != nil {
		return api.InsuranceClaim{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// GetClaim asks the insurer how the claim stands.
func (a *Activities) GetClaim(ctx context.Context, in Claim) (api.InsuranceClaim, error) {
	refresh := true
	answer, err := a.client.GetInsuranceClaimWithResponse(ctx, in.MerchantID, in.CaseID, &api.GetInsuranceClaimParams{Refresh: &refresh})
	if err != nil {
		return api.InsuranceClaim{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}
