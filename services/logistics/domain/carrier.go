package domain

import (
	"errors"
	"time"
)

// Trouble is how a call to a carrier or an insurer went wrong, as far as we are concerned: what may
// be true at the other side now, and whether it makes sense to ask again.
type Trouble int

// The kinds of trouble.
const (
	// Unknown: it may have been done. Never do it again without finding out.
	Unknown Trouble = iota
	// NotDone: it was not done, and may be tried again at once.
	NotDone
	// Refusal: it was not done and never will be, with this request.
	Refusal
	// Duplicate: the other side says that it has done this before.
	Duplicate
	// Misconfigured: our credentials or contract do not fit; a person has to act.
	Misconfigured
)

// ProviderError is what an adapter returns when the other side did not do as asked. Code is stable
// and safe to show; the provider's own text is not kept, because it can quote personal data.
type ProviderError struct {
	Trouble Trouble
	// Code is the provider's code, or "transport", "malformed".
	Code string
	// Cause is the error underneath, if any. It holds no request content.
	Cause error
}

// Error names the code.
func (e *ProviderError) Error() string {
	if e.Cause != nil {
		return "provider: " + e.Code + ": " + e.Cause.Error()
	}
	return "provider: " + e.Code
}

// Unwrap returns the cause.
func (e *ProviderError) Unwrap() error { return e.Cause }

// TroubleOf tells what kind of trouble err is. An error that is no [*ProviderError] is [Unknown]:
// where we cannot tell, nothing may be repeated.
func TroubleOf(err error) Trouble {
	var provider *ProviderError
	if errors.As(err, &provider) {
		return provider.Trouble
	}
	return Unknown
}

// CodeOf is the provider's code of err, or "unknown".
func CodeOf(err error) string {
	var provider *ProviderError
	if errors.As(err, &provider) {
		return provider.Code
	}
	return "unknown"
}

// Booking asks a carrier for a courier.
type Booking struct {
	Carrier          string
	Sender, Receiver Contact
	Slot             Slot
	WeightGrams      int
	// Reference is ours; it is printed on the order and is what people at the carrier can quote.
	Reference string
	// Number is ours too, 32 characters at most, and the same whenever this booking is repeated. A
	// carrier that looks at it refuses the second one as a duplicate; not every carrier does.
	Number string
	// Token and Salt make the callback address unguessable and its content verifiable.
	Token, Salt string
}

// OrderRef is how the carrier names an order.
type OrderRef struct {
	TaskID  string `json:"task_id"`
	OrderID string `json:"order_id"`
}

// Report is what a carrier says about an order or a parcel, in one of its callbacks or as an answer.
type Report struct {
	Order OrderRef
	// Carrier and TrackingNumber are empty if not told.
	Carrier, TrackingNumber string
	// Seen is zero if the report does not say where the parcel stands.
	Seen Observation
	// CourierName and CourierPhone are personal data.
	CourierName, CourierPhone string
	// FreightFen is what the carrier charges; Freight tells how it is meant.
	FreightFen int64
	Freight    FreightKind
	// Scans are of the whole way so far, in any order.
	Scans []Scan
}

// FreightKind tells how an amount of freight is meant.
type FreightKind int

// The kinds of freight reports.
const (
	NoFreight       FreightKind = iota
	FreightAdds                 // one more settlement: amounts add up
	FreightReplaces             // a corrected weight: the amount replaces what was settled
	FreightTotal                // an answer to a question: at least so much
)

// Scan is one line of a parcel's way.
type Scan struct {
	At   time.Time
	Text string
}

// Newest returns when the newest scan was made, zero without scans.
func (r Report) Newest() time.Time {
	var newest time.Time
	for _, scan := range r.Scans {
		if scan.At.After(newest) {
			newest = scan.At
		}
	}
	return newest
}

// Oldest returns when the oldest scan was made, zero without scans.
func (r Report) Oldest() time.Time {
	var oldest time.Time
	for _, scan := range r.Scans {
		if oldest.IsZero() || scan.At.Before(oldest) {
			oldest = scan.At
		}
	}
	return oldest
}

// Stray is an order at the carrier that nobody wants: a second one for the same parcel. It is called
// off as soon as the carrier can be reached.
type Stray struct {
	Order OrderRef `json:"order"`
	// Ended tells that no courier will come for it.
	Ended bool `json:"ended"`
}
