package domain

import (
	"strings"
	"time"

	"aftercare.dev/services/platform/problem"
)

// Booking is money that is not a refund, as the caller wants it booked.
type Booking struct {
	MerchantID string
	// ID is the caller's.
	ID       string
	Kind     Kind
	CaseID   string
	Cause    string
	Bearer   Bearer
	Currency string
	// Amount in minor units.
	Amount int64
	// Via is the provider that moves the money, or [ViaManual].
	Via string
	// Recovers is the account that a recovery makes good.
	Recovers Account
}

// BookingPhase is what a caller asks for.
type BookingPhase string

// Phases of a booking.
const (
	BookReserve BookingPhase = "reserve"
	BookOwe     BookingPhase = "owe"
	BookPost    BookingPhase = "post"
	BookVoid    BookingPhase = "void"
	BookReverse BookingPhase = "reverse"
)

// BookingState is how a booking stands.
type BookingState string

// States of a booking.
const (
	BookingReserved BookingState = "reserved"
	BookingOwed     BookingState = "owed"
	BookingPosted   BookingState = "posted"
	BookingVoided   BookingState = "voided"
	BookingReversed BookingState = "reversed"
)

// refundNumbers are what bookings must not be called, because both name subjects of the ledger.
const refundNumbers = "rf_"

// Validate returns a problem for what the form of the input alone does not rule out.
func (b Booking) Validate() error {
	if b.Amount <= 0 {
		return problem.Invalid("amount", "must be above zero; undo a booking by the phase reverse")
	}
	if strings.HasPrefix(b.ID, refundNumbers) {
		return problem.Invalid("booking_id", "must not begin with "+refundNumbers+", as refund numbers do")
	}
	return nil
}

// legs are the obligation and what settles it, which is nothing where both happen at once.
func (b Booking) legs() (owing, settling Leg) {
	switch b.Kind {
	case KindInsurancePayout:
		return Leg{Debit: FreightInsurance, Credit: Insurer}, Leg{}
	case KindFee:
		return Leg{Debit: Fee, Credit: Clearing(b.Via)}, Leg{}
	case KindCompensation:
		return Leg{Debit: Compensation, Credit: BuyerPayable}, paying(b.Via)
	case KindAdvance:
		return Leg{Debit: Advance, Credit: BuyerPayable}, paying(b.Via)
	case KindRecovery:
		return Leg{Debit: RecoveryReceivable, Credit: b.Recovers}, Leg{Debit: Clearing(b.Via), Credit: RecoveryReceivable}
	case KindRefund, KindRefundOutside:
	}
	return Leg{}, Leg{}
}

// Matter is what the ledger says of the booking.
func (b Booking) Matter() Matter {
	owing, _ := b.legs()
	return Matter{
		MerchantID: b.MerchantID, Subject: b.ID, Kind: b.Kind, CaseID: b.CaseID, Cause: b.Cause,
		Bearer: b.Bearer, Currency: b.Currency, Amount: b.Amount, Owing: owing,
	}
}

// Advance returns the entries that the phase adds to what is booked, none if it did before, and a 404, 409 or 422
// problem if it cannot.
func (b Booking) Advance(booked Thread, phase BookingPhase, at time.Time) (Thread, error) {
	if len(booked) > 0 && !b.same(booked) {
		return nil, problem.Conflict("booking_differs", "a booking of this id was made with other content; give another booking another id")
	}
	matter := b.Matter()
	_, settling := b.legs()
	state := booked.State()
	switch phase {
	case BookReserve:
		if state == "" {
			return booked.Reach(matter, Goal{Position: Held}, at)
		}
	case BookOwe, BookPost:
		return b.pay(booked, state, phase, settling, at)
	case BookVoid:
		return b.drop(booked, state, BookingReserved, BookingVoided, at,
			problem.Conflict("booking_not_reserved", "only what is reserved can be voided; undo what was posted by the phase reverse"))
	case BookReverse:
		if state == BookingOwed {
			state = BookingPosted
		}
		return b.drop(booked, state, BookingPosted, BookingReversed, at,
			problem.Conflict("booking_not_posted", "only what was posted or is owed can be reversed; give up what is reserved by the phase void"))
	}
	return nil, nil
}

func (b Booking) pay(booked Thread, state BookingState, phase BookingPhase, settling Leg, at time.Time) (Thread, error) {
	switch {
	case state == BookingVoided:
		return nil, problem.Conflict("booking_voided", "the booking was given up; make another one under another id")
	case state == BookingReversed || state == BookingPosted, state == BookingOwed && phase == BookOwe:
		return nil, nil
	case phase == BookOwe:
		return booked.Reach(b.Matter(), Goal{Position: Owed}, at)
	}
	return booked.Reach(b.Matter(), Goal{Position: Settled, Paying: settling}, at)
}

func (b Booking) drop(booked Thread, state, from, to BookingState, at time.Time, refusal error) (Thread, error) {
	switch state {
	case from:
		return booked.Reach(b.Matter(), Goal{Position: Dropped}, at)
	case to:
		return nil, nil
	case "":
		return nil, problem.NotFound("booking_not_found", "the merchant has no booking of this id; reserve or post it first")
	case BookingReserved, BookingOwed, BookingPosted, BookingVoided, BookingReversed:
	}
	return nil, refusal
}

// same tells whether what is booked is this booking, as far as the entries tell.
func (b Booking) same(booked Thread) bool {
	matter := b.Matter()
	held, _ := booked.find(stepHold)
	held.Owing = matter.Owing // which the ledger has as the leg of the entry
	if held.Matter != matter || held.Leg != matter.Owing {
		return false
	}
	paid, found := booked.paid()
	_, settling := b.legs()
	return !found || paid.Leg == settling
}

// State is how a booking stands; empty if nothing is booked.
func (t Thread) State() BookingState {
	_, owing := t.owing()
	_, paid := t.paid()
	switch {
	case len(t) == 0:
		return ""
	case t.has(stepVoid):
		return BookingVoided
	case t.dropped():
		return BookingReversed
	case !owing:
		return BookingReserved
	case paid || !t[0].Kind.paysLater():
		return BookingPosted
	}
	return BookingOwed
}

// paysLater tells whether an obligation of the kind is settled by a second movement.
func (k Kind) paysLater() bool { return k != KindInsurancePayout && k != KindFee }
