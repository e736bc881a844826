package returns_test

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	casesapi "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
)

// rules is a small model of a return. It reads the timeline as the buyer does and knows nothing of the program: what was
// decided, what must be paid for it, and what may not happen after it.
type rules struct {
	w *world

	rejections                    int
	approved, answered, withdrawn bool
	// due is set once the goods were judged, or somebody decided to pay without them.
	due, submitted, closed bool
	accepted               map[string]int64
	deducted               int64
	disputed               bool
}

// keepsTheRules holds the whole timeline of a case against the model. Where services answer at once, clocks fire to the
// minute.
func keepsTheRules(w *world, punctual bool) {
	if len(w.entries) == 0 {
		require.Zero(w.t, w.payouts, "a case that never was pays nothing")
		return
	}
	m := &rules{w: w}
	m.acceptAll()
	for i, entries := range w.told {
		if i > 0 {
			before := w.told[i-1]
			m.clock(w.steps[i-1], before[len(before)-1].At, entries[0], punctual)
		}
		for _, e := range entries {
			m.follow(e)
		}
	}
	m.end()
}

func (m *rules) require(ok bool, format string, args ...any) {
	require.Truef(m.w.t, ok, format+": %s", append(args, strings.Join(m.w.types(), " "))...)
}

// acceptAll is how units are judged unless somebody says otherwise.
func (m *rules) acceptAll() {
	m.accepted, m.deducted, m.disputed = map[string]int64{}, 0, false
	for _, l := range m.w.in.Lines {
		m.accepted[l.LineID] = l.Quantity
	}
}

// worth is what the buyer gets, to the minor unit.
func (m *rules) worth() int64 {
	sum := -m.deducted
	for id, units := range m.accepted {
		sum += units * m.w.unit(id)
	}
	return sum
}

// said reads the data of an entry.
func (m *rules) said(e casesapi.EntryInput, into any) {
	encoded, err := json.Marshal(e.Data)
	require.NoError(m.w.t, err)
	require.NoError(m.w.t, json.Unmarshal(encoded, into))
}

func (m *rules) follow(e casesapi.EntryInput) {
	m.require(!m.closed || e.Type == "case.note_added", "%s after the end", e.Type)
	var data struct {
		By, Decision string
		Amount       money.Money
		Lines        []contract.InspectedLine
	}
	switch e.Type {
	case "case.opened":
		m.require(e.Number == 1, "a case is opened once")
		return // its lines are not those of a verdict
	case "case.approved":
		m.require(!m.approved, "approved twice")
		m.approved = true
	case "case.rejected":
		m.rejections++
		m.require(!m.approved && m.rejections <= 2 && (m.rejections == 1 || m.answered), "rejected without being asked again")
	case "case.rejection_answered":
		m.require(m.rejections == 1 && !m.answered, "a rejection is answered once")
		m.answered = true
	case "case.withdrawn":
		m.require(!m.submitted, "withdrawn after the money moved")
		m.withdrawn = true
	case "shipment.pickup_booked", "shipment.sent", "goods.received":
		m.require(m.approved || m.withdrawn, "goods came back before anybody agreed")
	case "goods.accepted_by_silence":
		m.due = true
	case "goods.inspected":
		m.said(e, &data)
		m.inspect(data.Lines)
	case "goods.contest_decided":
		m.said(e, &data)
		m.require(m.disputed, "there was nothing to contest")
		if data.Decision == contract.ContestAccept {
			m.acceptAll()
		}
	case "case.attention_resolved":
		m.said(e, &data)
		m.due = m.due || data.By == contract.ParcelRefund || data.By == "refunded_automatically"
	case "refund.submitted":
		m.said(e, &data)
		m.require(!m.submitted, "the refund is submitted twice")
		m.require(m.approved && m.due, "money moves before it is due")
		m.require(data.Amount.Amount == m.worth(), "%d is submitted and %d is due", data.Amount.Amount, m.worth())
		m.submitted = true
	case "case.closed":
		m.closed = true
	}
}

func (m *rules) inspect(lines []contract.InspectedLine) {
	m.require(!m.due, "judged twice")
	m.due, m.deducted = true, 0
	for _, l := range lines {
		m.accepted[l.LineID] = l.Accepted
		m.disputed = m.disputed || l.Rejected > 0
		if l.Deduction != nil {
			m.deducted += l.Deduction.Amount
			m.disputed = m.disputed || l.Deduction.Amount > 0
		}
	}
}

// silence is what a consequence looks like on the timeline.
var silence = map[string][]string{
	"approved_automatically": {"case.approved"},
	"rejected_automatically": {"case.rejected"},
	"reviewed_without":       {"case.info_missing"},
	"closed":                 {"case.closed"},
	"person_looks":           {"shipment.delayed", "case.needs_attention"},
	"refunded_automatically": {"case.attention_resolved"},
	"accepted_by_silence":    {"goods.accepted_by_silence", "goods.contest_decided"},
	"agreed_by_silence":      {"goods.rejection_agreed"},
	"courier_booked":         {"shipment.pickup_booked", "shipment.pickup_failed", "case.needs_attention"},
	"operator_told":          {"refund.late", "insurance.late"},
	"tried_again":            {"case.attention_resolved"},
}

// clock tells whether the clock that was shown fired, and did what it said (P2). One that had run out before it was shown
// did so already.
func (m *rules) clock(shown casesapi.CaseState, since time.Time, next casesapi.EntryInput, punctual bool) {
	for _, expected := range shown.NextActions {
		if expected.Deadline == nil || expected.Consequence == nil || next.At.Before(*expected.Deadline) || !expected.Deadline.After(since) {
			continue
		}
		m.require(slices.Contains(silence[*expected.Consequence], next.Type), "%s came instead of %s", next.Type, *expected.Consequence)
		if punctual {
			m.require(next.At.Sub(*expected.Deadline) < time.Minute, "%s came %s late", next.Type, next.At.Sub(*expected.Deadline))
		}
	}
}

// end holds the money and the outcome against what was decided (M1, M2).
func (m *rules) end() {
	m.require(m.closed, "not closed")
	w, outcome := m.w, *m.w.state.Outcome
	if refund := w.refund; refund != nil {
		m.require(refund.Amount.Amount == m.worth() && m.worth() <= w.expected(), "%d is reserved, %d is due, %d was paid", refund.Amount.Amount, m.worth(), w.expected())
		m.require(w.settled, "units that are paid for are booked as returned")
	}
	if w.payouts > 0 {
		m.require(m.approved && m.due && w.refund.Refunded.Amount == m.worth(), "money moved that was not due")
		for _, l := range w.returned {
			m.require(l.Quantity == m.accepted[l.LineID], "%d units of %s are booked as returned", l.Quantity, l.LineID)
		}
	}
	switch outcome {
	case casesapi.OutcomeRefunded:
		m.require(w.payouts == 1 && !m.disputed, "refunded")
	case casesapi.OutcomePartlyRefunded:
		givenUp := w.payouts == 0 && w.refund != nil && w.state.Refund.State == "voided" && w.refund.Refunded.Amount > 0
		m.require(givenUp || m.disputed && (w.payouts == 1 || m.worth() == 0), "partly refunded")
	case casesapi.OutcomeRejected:
		m.require(w.payouts == 0 && (!m.approved && m.rejections > 0 || m.worth() == 0), "rejected")
	case casesapi.OutcomeWithdrawn:
		m.require(w.payouts == 0 && m.withdrawn, "withdrawn")
	case casesapi.OutcomeExpired:
		m.require(w.payouts == 0 && m.approved && !m.due, "expired")
	default: // somebody ended it by hand, and it says so
		m.require(outcome == casesapi.OutcomeResolved, "ended as %s", outcome)
	}
	m.require(len(w.filed) == 0 || w.verdict.Insured, "a claim for freight that nobody insured")
}
