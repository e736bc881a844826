package domain

import (
	"net/http"

	"aftercare.dev/services/platform/problem"
)

// Codes of the problems that this service gives, beside those of the platform.
const (
	// CodeInvalidOrder is content that no order can have; the problem names the field.
	CodeInvalidOrder = "invalid_order"
	// CodeCurrencyMismatch is an amount in another currency than the order's.
	CodeCurrencyMismatch = "currency_mismatch"
	// CodePaymentsDoNotAddUp is an order whose payments are more or less than what was to be paid.
	CodePaymentsDoNotAddUp = "payments_do_not_add_up"
	// CodeUnknownLine is a line id that the order, or the reservation, does not have.
	CodeUnknownLine = "unknown_line"
	// CodeInvalidUnits is a request for units that no order could meet; the problem names the field.
	CodeInvalidUnits = "invalid_units"
	// CodeOrderInUse is a change of what open or past cases rely on.
	CodeOrderInUse = "order_in_use"
	// CodeOrderNotFound is an order that the merchant, or the buyer asked for, does not have.
	CodeOrderNotFound = "order_not_found"
	// CodePaymentNotFound is a payment that no order has.
	CodePaymentNotFound = "payment_not_found"
	// CodeUnitsNotAvailable is a request for more units than are free.
	CodeUnitsNotAvailable = "units_not_available"
	// CodeReservationNotFound is a case that never reserved units of the order.
	CodeReservationNotFound = "reservation_not_found"
	// CodeReservationDiffers is a second reservation of a case with other units.
	CodeReservationDiffers = "reservation_differs"
	// CodeReservationSettled is a reservation that has ended and can be neither made nor settled anew.
	CodeReservationSettled = "reservation_settled"
	// CodeSearchOff is a search by phone where no index key is set.
	CodeSearchOff = "search_off"
	// CodeInvalidPhone is a search for what is no phone number.
	CodeInvalidPhone = "invalid_phone"
)

var statuses = problem.Statuses{
	CodeOrderInUse:          http.StatusConflict,
	CodeUnitsNotAvailable:   http.StatusConflict,
	CodeReservationDiffers:  http.StatusConflict,
	CodeReservationSettled:  http.StatusConflict,
	CodeOrderNotFound:       http.StatusNotFound,
	CodePaymentNotFound:     http.StatusNotFound,
	CodeReservationNotFound: http.StatusNotFound,
}

// fault returns the problem of the code, 422 unless statuses knows better. An empty field means that
// no field of the request is to blame.
func fault(code, field, detail string) *problem.Error {
	return statuses.Fault(code, field, detail)
}

// invalid returns the 422 problem of a field that no order can have.
func invalid(field, detail string) *problem.Error { return fault(CodeInvalidOrder, field, detail) }
