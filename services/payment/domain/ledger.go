package domain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Account is one side of an entry. Each merchant has its own in each currency; a balance is debits less credits.
type Account string

// Accounts. What a provider or an insurer paid is in an account of its own, see [Clearing].
const (
	// BuyerPayable is what buyers are owed and do not have yet: a credit balance.
	BuyerPayable Account = "buyer_payable"
	// MerchantExpense is what refunds cost the merchant.
	MerchantExpense Account = "merchant_expense"
	// FreightInsurance is what buyers got for the freight of their returns.
	FreightInsurance Account = "freight_insurance"
	// Insurer is what the insurer paid, to the buyer directly: a credit balance.
	Insurer Account = "insurer"
	// Compensation is what buyers got beyond what they had paid.
	Compensation Account = "compensation"
	// Advance is what the platform paid for somebody else, to be recovered.
	Advance Account = "advance"
	// RecoveryReceivable is what a carrier or merchant has yet to pay.
	RecoveryReceivable Account = "recovery_receivable"
	// Fee is what providers keep for their work.
	Fee Account = "fee"
)

// ViaManual is the clearing account of transfers that finance makes by hand.
const ViaManual = "manual"

// Clearing is the account of the money that moved through a provider.
func Clearing(via string) Account { return Account("provider_clearing:" + via) }

// Phase tells what an entry does to the balances.
type Phase string

// Phases. A reserve is pending until its post or void, exactly one of them; all but reserve and void count in balances.
const (
	PhaseReserve Phase = "reserve"
	PhasePost    Phase = "post"
	PhaseVoid    Phase = "void"
	// PhaseBook counts at once, without a reserve before it: the movement that settles.
	PhaseBook     Phase = "book"
	PhaseReversal Phase = "reversal"
)

// Kind is what the money is about.
type Kind string

// Kinds. All but the first two are bookings, see [Booking].
const (
	KindRefund Kind = "refund"
	// KindRefundOutside was made on the provider's pages, without a refund of ours.
	KindRefundOutside   Kind = "refund_outside"
	KindInsurancePayout Kind = "freight_insurance_payout"
	KindCompensation    Kind = "compensation"
	KindAdvance         Kind = "advance"
	KindRecovery        Kind = "recovery"
	KindFee             Kind = "fee"
)

// Bearer is who bears the cost in the end.
type Bearer string

// Bearers.
const (
	BearerMerchant Bearer = "merchant"
	BearerCarrier  Bearer = "carrier"
	BearerBuyer    Bearer = "buyer"
	BearerPlatform Bearer = "platform"
	BearerInsurer  Bearer = "insurer"
)

// Leg is a movement from the account that is credited to the one that is debited. The zero value moves nothing.
type Leg struct{ Debit, Credit Account }

// Matter is what all entries about one refund number or booking have in common.
type Matter struct {
	MerchantID string
	// Subject is the refund number or the id of the booking.
	Subject string
	Kind    Kind
	// CaseID is empty only for KindRefundOutside.
	CaseID string
	// Cause is why, as a code, such as the reason of the refund.
	Cause    string
	Bearer   Bearer
	Currency string
	// Amount in minor units, above zero.
	Amount int64
	// Owing makes or ends the obligation: first reserved, then posted.
	Owing Leg
}

// Entry is one row of the ledger, with both of its sides. It is never changed.
type Entry struct {
	Matter
	// Step names the entry among those of its subject.
	Step  string
	At    time.Time
	Phase Phase
	Leg   Leg
	// Resolves is the step of the reserve that a post or void ends, Reverses that which a reversal undoes.
	Resolves, Reverses string
}

// ID is unique in the merchant's ledger.
func (e Entry) ID() string { return e.Subject + "/" + e.Step }

// Counts tells whether the entry is in the balances.
func (e Entry) Counts() bool { return e.Phase != PhaseReserve && e.Phase != PhaseVoid }

// Position is how far the money of a subject is.
type Position int

// Positions, see [Thread.Reach].
const (
	// Held is set aside: the money may move or may be given up.
	Held Position = iota + 1
	// Owed is due to somebody and did not arrive, such as a success that the provider took back.
	Owed
	// Settled has arrived.
	Settled
	// Dropped is given up, or undone.
	Dropped
)

// Goal is where a subject should be in the ledger.
type Goal struct {
	Position Position
	// Paying is the movement that settles; zero if the obligation is all there is to it.
	Paying Leg
}

// ErrDropped says that money was booked as given up, and that nothing more can be booked under its number.
var ErrDropped = errors.New("the ledger has given the amount up; book it under another number")

// Thread is what is booked about one subject, in the order of booking.
type Thread []Entry

// Steps sort as they are taken.
const (
	stepHold   = "hold"
	stepPost   = "post"
	stepVoid   = "void"
	stepSettle = "settle."
	back       = ".back"
)

// Reach returns the entries that bring the thread to the goal; none if it is there. Every thread begins with its reserve,
// also where the money has moved already: two that begin it at once cannot both.
func (t Thread) Reach(matter Matter, goal Goal, at time.Time) (Thread, error) {
	w := &scribe{thread: t, matter: matter, at: at}
	var err error
	switch goal.Position {
	case Held:
		err = w.hold()
	case Owed:
		if err = w.owe(); err == nil {
			w.unpay()
		}
	case Settled:
		if err = w.owe(); err == nil {
			w.pay(goal.Paying)
		}
	case Dropped:
		w.drop()
	}
	if err != nil {
		return nil, fmt.Errorf("book %s: %w", matter.Subject, err)
	}
	return w.thread[len(t):], nil
}

func (t Thread) find(step string) (Entry, bool) {
	for _, e := range t {
		if e.Step == step {
			return e, true
		}
	}
	return Entry{}, false
}

func (t Thread) has(step string) bool {
	_, found := t.find(step)
	return found
}

// owing is the entry of the obligation, if it counts and is not undone.
func (t Thread) owing() (Entry, bool) {
	e, found := t.find(stepPost)
	return e, found && !t.has(stepPost+back)
}

func (t Thread) dropped() bool { return t.has(stepVoid) || t.has(stepPost+back) }

// paid is the payment that is not undone.
func (t Thread) paid() (Entry, bool) {
	for _, e := range t {
		if strings.HasPrefix(e.Step, stepSettle) && e.Phase != PhaseReversal && !t.has(e.Step+back) {
			return e, true
		}
	}
	return Entry{}, false
}

// scribe adds entries to a thread.
type scribe struct {
	thread Thread
	matter Matter
	at     time.Time
}

func (w *scribe) add(e Entry) {
	e.Matter, e.At = w.matter, w.at
	w.thread = append(w.thread[:len(w.thread):len(w.thread)], e)
}

func (w *scribe) reverse(e Entry) {
	w.add(Entry{Step: e.Step + back, Phase: PhaseReversal, Leg: Leg{Debit: e.Leg.Credit, Credit: e.Leg.Debit}, Reverses: e.Step})
}

func (w *scribe) hold() error {
	if w.thread.dropped() {
		return ErrDropped
	}
	if len(w.thread) == 0 {
		w.add(Entry{Step: stepHold, Phase: PhaseReserve, Leg: w.matter.Owing})
	}
	return nil
}

func (w *scribe) owe() error {
	if w.thread.dropped() {
		return ErrDropped
	}
	if _, owing := w.thread.owing(); owing {
		return nil
	}
	if err := w.hold(); err != nil {
		return err
	}
	held, _ := w.thread.find(stepHold)
	w.add(Entry{Step: stepPost, Phase: PhasePost, Leg: held.Leg, Resolves: stepHold})
	return nil
}

func (w *scribe) pay(leg Leg) {
	if paid, found := w.thread.paid(); found {
		if paid.Leg == leg {
			return
		}
		w.reverse(paid)
	}
	if leg == (Leg{}) {
		return
	}
	times := 1
	for w.thread.has(stepSettle + strconv.Itoa(times)) {
		times++
	}
	w.add(Entry{Step: stepSettle + strconv.Itoa(times), Phase: PhaseBook, Leg: leg})
}

func (w *scribe) unpay() {
	if paid, found := w.thread.paid(); found {
		w.reverse(paid)
	}
}

func (w *scribe) drop() {
	w.unpay()
	if owing, found := w.thread.owing(); found {
		w.reverse(owing)
		return
	}
	if held, found := w.thread.find(stepHold); found && !w.thread.dropped() {
		w.add(Entry{Step: stepVoid, Phase: PhaseVoid, Leg: held.Leg, Resolves: stepHold})
	}
}
