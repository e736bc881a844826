package domain

import (
	"errors"
	"net/http"

	"aftercare.dev/services/platform/problem"
)

// Refusals of this service, by their code.
const (
	CodeShipmentNotFound     = "shipment_not_found"
	CodeShipmentDiffers      = "shipment_differs"
	CodeContactNotFound      = "contact_not_found"
	CodeContactIncomplete    = "contact_incomplete"
	CodeReturnAddressMissing = "return_address_missing"
	CodeOrderNotFound        = "order_not_found"
	CodeTrackingInUse        = "tracking_number_in_use"
	CodeTrackingOfDelivery   = "tracking_number_of_delivery"
	CodeSlotNotBookable      = "slot_not_bookable"
	CodeSlotRefused          = "slot_refused"
	CodeTooLate              = "too_late"
	CodeCarrierUnavailable   = "carrier_unavailable"
	CodeMisconfigured        = "provider_misconfigured"
	CodeShipmentBusy         = "shipment_busy"
	CodePolicyNotFound       = "policy_not_found"
	CodePolicyDiffers        = "policy_differs"
	CodePaymentInsured       = "payment_already_insured"
	CodeClaimNotFound        = "claim_not_found"
	CodeClaimDiffers         = "claim_differs"
	CodeNotPickedUp          = "parcel_not_picked_up"
	CodeInsurerUnavailable   = "insurer_unavailable"
)

// ShipmentNotFound is an id that nobody used, or another merchant did.
func ShipmentNotFound() error {
	return problem.NotFound(CodeShipmentNotFound, "no shipment has this id")
}

// Unprocessable names the field of a request that breaks a rule.
func Unprocessable(field, detail string) error {
	return problem.Unprocessable(problem.CodeUnprocessable, field+" "+detail).
		WithFields(problem.FieldError{Field: field, Detail: detail})
}

// ContactIncomplete names the field of an address that a carrier needs and that is empty, never a value.
func ContactIncomplete(whose, field string) error {
	path := whose + "." + field
	return problem.Unprocessable(CodeContactIncomplete,
		"the carrier needs "+path+"; complete it and repeat the request").
		WithFields(problem.FieldError{Field: path, Detail: "must not be empty"})
}

// ReturnAddressNotFound is the same to somebody who only asks for it.
func ReturnAddressNotFound() error {
	return problem.NotFound(CodeReturnAddressMissing, "the merchant has no return address; set it with PUT")
}

// ReturnAddressMissing is a merchant whose warehouse is unknown.
func ReturnAddressMissing() error {
	return problem.Conflict(CodeReturnAddressMissing,
		"the merchant has no return address; set it with PUT /v1/merchants/{merchant_id}/return-address and repeat the request")
}

// Unavailable is a provider that did not answer; the caller may repeat the request.
func Unavailable(code string, cause error) error {
	e := problem.Unavailable(code, "the provider did not answer as expected; repeat the request")
	if TroubleOf(cause) == Misconfigured {
		e = problem.New(http.StatusBadGateway, CodeMisconfigured,
			"the provider refuses our credentials or our contract; a person has to look at the configuration")
	}
	return e.With("provider_code", CodeOf(cause)).WithCause(cause)
}

// AsProblem turns an [*InvalidError] into a 422 that names the field, and leaves other errors alone.
func AsProblem(err error) error {
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		return Unprocessable(invalid.Field, invalid.Detail)
	}
	return err
}

// TrackingInUse is a tracking number that belongs to another case.
func TrackingInUse() error {
	return problem.Conflict(CodeTrackingInUse,
		"another case uses this tracking number; ask the buyer for the number of their own parcel").
		WithFields(problem.FieldError{Field: "parcel.tracking_number", Detail: "is used by another case"})
}
