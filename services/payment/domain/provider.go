package domain

import (
	"fmt"
	"time"
)

// Instruction is one refund as a provider is asked to make it. Everything in it is fixed when the
// refund is reserved, so that asking again with the same number says the same thing for ever.
type Instruction struct {
	// RefundNumber is minted once and is the provider's idempotency key.
	RefundNumber string
	// PaymentReference names the payment at the provider.
	PaymentReference string
	// Amount to refund, in minor units.
	Amount int64
	// PaymentTotal is what the payment took, in minor units.
	PaymentTotal int64
	Currency     string
	// Reason is a code that the provider shows to the buyer.
	Reason string
}

// ProviderStatus is how a refund stands in the provider's words.
type ProviderStatus string

// What a provider may say about a refund that it holds.
const (
	ProviderProcessing ProviderStatus = "processing"
	ProviderSucceeded  ProviderStatus = "succeeded"
	// ProviderClosed means that the provider gave up without paying.
	ProviderClosed ProviderStatus = "closed"
	// ProviderAbnormal means that the buyer's account cannot be paid; the money waits for a person.
	ProviderAbnormal ProviderStatus = "abnormal"
)

// ProviderRefund is a provider's verified answer about one refund.
type ProviderRefund struct {
	RefundNumber     string
	PaymentReference string
	// Reference is the provider's own id of the refund.
	Reference    string
	Status       ProviderStatus
	Amount       int64
	PaymentTotal int64
	Currency     string
	// SucceededAt is zero unless Status is ProviderSucceeded.
	SucceededAt time.Time
}

// Notification is a provider's authentic message that a refund changed. It is a reason to query, and
// never more than that.
type Notification struct {
	Provider string
	// ID is the same on every delivery of one notification.
	ID               string
	RefundNumber     string
	PaymentReference string
	Status           ProviderStatus
	Amount           int64
	PaymentTotal     int64
}

// Outcome tells what a failed call did to the buyer's money.
type Outcome string

const (
	// OutcomeDone is the outcome of a call that the provider answered for good.
	OutcomeDone Outcome = "done"
	// OutcomeNotDone is certain: the provider did nothing.
	OutcomeNotDone Outcome = "not_done"
	// OutcomeUnknown means that only a query can tell.
	OutcomeUnknown Outcome = "unknown"
)

// Retry tells when the same number may be sent again.
type Retry string

const (
	// RetrySame sends again at once, after a query.
	RetrySame Retry = "same_key"
	// RetryLater sends again after a wait.
	RetryLater Retry = "later"
	// RetryNever needs a person or a repair first.
	RetryNever Retry = "never"
)

// ProviderError is a call that did not give an answer about the refund. Its two axes are all that
// the rules look at; Code is kept for people.
type ProviderError struct {
	Outcome Outcome
	Retry   Retry
	// After is how long to wait at least, if the provider said so.
	After time.Duration
	// Code is the provider's error code, or one of ours in lower case when nothing was heard.
	Code string
	// Attention is the reason a person is needed if Outcome is OutcomeNotDone and waiting does not help.
	Attention Attention
	// NotFound is set by a query only: the provider holds no refund of this number.
	NotFound bool
	cause    error
}

// WithCause returns a copy of e that unwraps to cause.
func (e ProviderError) WithCause(cause error) *ProviderError {
	e.cause = cause
	return &e
}

// Error tells code and axes, and nothing of the provider's own message, which may hold anything.
func (e *ProviderError) Error() string {
	text := fmt.Sprintf("payment provider: %s (outcome %s, retry %s)", e.Code, e.Outcome, e.Retry)
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns what caused the error on our side, if anything.
func (e *ProviderError) Unwrap() error { return e.cause }
