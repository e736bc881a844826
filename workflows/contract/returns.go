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
	// Judgement is the one that was pinned when the case was filed. Without it the workflow asks.
	Judgement *Judgement `json:"judgement,omitempty"`
}

// Judgement is what a workflow needs of the judgement of a case. Amounts are minor units of Currency.
type Judgement struct {
	// Decision is approve, review or reject.
	Decision string `json:"decision"`
	Currency string `json:"currency"`
	// Goods is the refund of the eligible lines, Freight what comes back of the freight of the order.
	Goods   int64 `json:"goods"`
	Freight int64 `json:"freight,omitempty"`
	// Lines are what each line is worth if all of it is accepted.
	Lines []JudgedLine `json:"lines"`
	// Insured is true if an insurer pays the return freight.
	Insured bool   `json:"insured,omitempty"`
	Clocks  Clocks `json:"clocks"`
	// Rules are the ids of the rules that decided.
	Rules []string `json:"rules"`
}

// JudgedLine is a line of a [Judgement].
type JudgedLine struct {
	LineID   string `json:"line_id"`
	Quantity int64  `json:"quantity"`
	Refund   int64  `json:"refund"`
}

// Clocks are the deadlines of a case, all in seconds; Silence is what it means in a review: approve or reject. They are in
// every history, and so their names there are short.
type Clocks struct {
	Review        int64   `json:"review"`
	Silence       string  `json:"silence"`
	Info          int64   `json:"info"`
	Answer        int64   `json:"answer"`
	Ship          int64   `json:"ship"`
	ShipReminders []int64 `json:"ship_reminders,omitempty"`
	Transit       int64   `json:"transit"`
	Inspect       int64   `json:"inspect"`
	Contest       int64   `json:"contest"`
	Insurance     int64   `json:"insurance"`
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
