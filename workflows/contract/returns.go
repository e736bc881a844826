package contract

import (
	"time"

	"aftercare.dev/services/platform/money"
)

// ReturnInput starts a return. What was asked in words is with the application in the cases service.
type ReturnInput struct {
	Case
	Applicant Actor          `json:"applicant"`
	Reason    string         `json:"reason"`
	Lines     []LineQuantity `json:"lines"`
}

// OpenUpdate is sent together with the start and answers when the case is judged, its units are reserved and its first
// step is recorded.
const OpenUpdate = "open"

// Opened is the answer to OpenUpdate.
type Opened struct {
	CaseID   string `json:"case_id"`
	Version  int64  `json:"version"`
	Stage    string `json:"stage"`
	Decision string `json:"decision"`
}

// ErrorNotOpened is the type of the application error of an open update that could not be: the units went to another
// case in between, or the order is gone. Its details are a Refusal. Nothing was reserved, recorded or announced.
const ErrorNotOpened = "not_opened"

// RefundInput starts the workflow that pays for what was accepted. It books the units as returned, computes what they are
// worth, and moves the money until the refund is settled or needs a person.
type RefundInput struct {
	Case
	RefundID string `json:"refund_id"`
	Currency string `json:"currency"`
	Reason   string `json:"reason"`
	// Lines are all lines of the case; of some nothing may be accepted.
	Lines []AcceptedLine `json:"lines"`
	// Known says that payment has the refund already: nothing is booked or reserved, lines and reason are not needed, and
	// it goes on from where it stands.
	Known bool `json:"known,omitempty"`
	// By is when the workflow ends although the refund is not settled, so that a person is told. Zero means never.
	By time.Time `json:"by,omitzero"`
}

// AcceptedLine is how many units of a line are paid for, less a deduction.
type AcceptedLine struct {
	LineID    string       `json:"line_id"`
	Accepted  int64        `json:"accepted"`
	Deduction *money.Money `json:"deduction,omitempty"`
}

// RefundNothing is the state of a refund whose units are worth nothing: they are booked, and there is nothing to pay.
const RefundNothing = "nothing"

// RefundResult is how a refund stands when its workflow ends.
type RefundResult struct {
	// State is RefundNothing or a state of the payment service: succeeded, paid_manually, voided, needs_attention or closed;
	// reserved or processing if the time was over.
	State    string      `json:"state"`
	Reason   string      `json:"reason,omitempty"`
	Amount   money.Money `json:"amount"`
	Refunded money.Money `json:"refunded"`
}

// FreightClaimInput starts the workflow that claims the return freight.
type FreightClaimInput struct {
	Case
	ShipmentID string `json:"shipment_id"`
}

// FreightClaimResult is how a claim ended.
type FreightClaimResult struct {
	// State is paid, rejected or none (the order is not insured).
	State  string       `json:"state"`
	Reason string       `json:"reason,omitempty"`
	Payout *money.Money `json:"payout,omitempty"`
}
