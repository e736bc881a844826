package domain

import (
	"net/http"

	"aftercare.dev/services/platform/problem"
)

// Codes of the problems that this service gives, beside those of the platform.
const (
	// CodeInvalidEvent is content that no event can have; the problem names the field.
	CodeInvalidEvent = "invalid_event"
	// CodeDataTooLarge is an event whose webhook would pass [MaxPayload].
	CodeDataTooLarge = "data_too_large"
	// CodeEventDiffers is an event id that names another happening already.
	CodeEventDiffers = "event_differs"
	// CodeMessageNotFound is an inbox message that the person does not have.
	CodeMessageNotFound = "message_not_found"
	// CodeDeliveryNotFound is a delivery that the merchant does not have.
	CodeDeliveryNotFound = "delivery_not_found"
	// CodeNotResendable is a delivery that is complete once it is stored.
	CodeNotResendable = "not_resendable"
	// CodeEndpointNotFound is a webhook endpoint that the merchant does not have, or no more.
	CodeEndpointNotFound = "endpoint_not_found"
	// CodeEndpointDisabled is a resend to an endpoint that is switched off.
	CodeEndpointDisabled = "endpoint_disabled"
	// CodeInvalidEndpoint is content that no endpoint can have; the problem names the field.
	CodeInvalidEndpoint = "invalid_endpoint"
	// CodeAddressNotAllowed is a URL that the service must not call.
	CodeAddressNotAllowed = "address_not_allowed"
	// CodeTooManyEndpoints is one endpoint more than [MaxEndpoints].
	CodeTooManyEndpoints = "too_many_endpoints"
	// CodeTooManySecrets is a rotation while [MaxSecrets] secrets sign already.
	CodeTooManySecrets = "too_many_secrets"
	// CodeKeyReused is an idempotency key that named another request.
	CodeKeyReused = "idempotency_key_reused"
)

var statuses = problem.Statuses{
	CodeEventDiffers:     http.StatusConflict,
	CodeNotResendable:    http.StatusConflict,
	CodeEndpointDisabled: http.StatusConflict,
	CodeTooManyEndpoints: http.StatusConflict,
	CodeTooManySecrets:   http.StatusConflict,
	CodeMessageNotFound:  http.StatusNotFound,
	CodeDeliveryNotFound: http.StatusNotFound,
	CodeEndpointNotFound: http.StatusNotFound,
}

// Fault returns the problem of one of this service's codes, 422 unless statuses knows better. An empty field means that no field of
// the request is to blame.
func Fault(code, field, detail string) *problem.Error {
	return statuses.Fault(code, field, detail)
}

func invalid(field, detail string) *problem.Error { return Fault(CodeInvalidEvent, field, detail) }
