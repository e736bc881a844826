package logistics

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
	"aftercare.dev/services/logistics/api"
)

// patience is how long a carrier or insurer may be out of reach before a person is told.
const patience = 30 * time.Minute

// CreateShipment books a courier or registers a parcel. What the carrier refuses is a shipment in state pickup_failed.
func CreateShipment(ctx workflow.Context, in Shipment) (api.Shipment, error) {
	summary := "Book the courier"
	if in.Input.Method == api.ShipmentMethodSelfShip {
		summary = "Register the parcel"
	}
	return call.Outside[api.Shipment](ctx, summary, Prefix+"CreateShipment", patience, in)
}

// GetShipment tells where the parcel is, as far as the service knows; the carrier reported it, and the service verified
// the report by asking back.
func GetShipment(ctx workflow.Context, in ShipmentRef) (api.Shipment, error) {
	return call.Quick[api.Shipment](ctx, "Look where the parcel is", Prefix+"GetShipment", in)
}

// Reschedule moves the courier to another time. Too late: fault.Conflicting.
func Reschedule(ctx workflow.Context, in NewSlot) (api.Shipment, error) {
	return call.Outside[api.Shipment](ctx, "Move the courier", Prefix+"Reschedule", patience, in)
}

// CancelShipment calls the courier off. The state of the answer tells whether it was in time.
func CancelShipment(ctx workflow.Context, in ShipmentRef) (api.Shipment, error) {
	return call.Outside[api.Shipment](ctx, "Call the courier off", Prefix+"CancelShipment", patience, in)
}

// FileClaim claims the return freight, once per order. What the insurer refuses is a claim in state rejected.
func FileClaim(ctx workflow.Context, in Claim) (api.InsuranceClaim, error) {
	return call.Outside[api.InsuranceClaim](ctx, "Claim the return freight", Prefix+"FileClaim", patience, in)
}

// GetClaim asks the insurer how the claim stands.
func GetClaim(ctx workflow.Context, in Claim) (api.InsuranceClaim, error) {
	return call.Quick[api.InsuranceClaim](ctx, "Ask how the claim stands", Prefix+"GetClaim", in)
}
