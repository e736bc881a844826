package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	casesapi "aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// knowsJudgement gives the judgement of this world along with the start, as a gateway does that filed the case itself.
func (w *world) knowsJudgement() {
	v := w.verdict
	j := &contract.Judgement{
		Decision: string(v.Decision), Currency: v.Currency, Goods: v.Refund.Goods.Amount, Freight: v.Refund.Freight.Amount,
		Insured: v.Insured, Rules: v.Rules,
		Clocks: contract.Clocks{
			Review: v.Clocks.ReviewSeconds, Silence: string(v.Clocks.ReviewSilence),
			Info: v.Clocks.InfoSeconds, Answer: v.Clocks.AnswerSeconds,
			Ship: v.Clocks.ShipSeconds, ShipReminders: v.Clocks.ShipReminderSeconds,
			Transit: v.Clocks.TransitSeconds, Inspect: v.Clocks.InspectSeconds,
			Contest: v.Clocks.ContestSeconds, Insurance: v.Clocks.InsuranceSeconds,
		},
	}
	for _, l := range v.Lines {
		j.Lines = append(j.Lines, contract.JudgedLine{LineID: l.LineID, Quantity: l.Quantity, Refund: l.Amount.Amount})
	}
	w.in.Judgement = j
}

func TestACaseGoesTheSameWayWhetherItsJudgementIsAskedForOrCameWithTheStart(t *testing.T) {
	tests := map[string]struct {
		decision casesapi.JudgementDecision
		silence  casesapi.ClocksReviewSilence
		play     func(*world)
		outcome  string
	}{
		"approved and paid": {decision: "approve", outcome: "refunded", play: func(w *world) {
			w.at(time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"})
			w.at(30*time.Hour, received())
			w.at(31*time.Hour, acceptAll())
		}},
		"reviewed, and nobody accepts or contests": {decision: "review", outcome: "refunded", play: func(w *world) {
			w.at(time.Hour, contract.Approve{Envelope: agent})
			w.at(2*time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"})
			w.at(30*time.Hour, received())
		}},
		"approved and never sent":        {decision: "approve", outcome: "expired", play: func(*world) {}},
		"rejected, and nobody answers":   {decision: "reject", outcome: "rejected", play: func(*world) {}},
		"reviewed, and silence is a no":  {decision: "review", silence: "reject", outcome: "rejected", play: func(*world) {}},
		"reviewed, and silence is a yes": {decision: "review", silence: "approve", outcome: "expired", play: func(*world) {}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			live := func(known bool) *world {
				w := newWorld(t)
				w.verdict.Decision, w.verdict.Insured = test.decision, true
				if test.silence != "" {
					w.verdict.Clocks.ReviewSilence = test.silence
				}
				if known {
					w.knowsJudgement()
				}
				test.play(w)
				require.NoError(t, w.run().err)
				return w
			}
			asked, known := live(false), live(true)
			require.Equal(t, 1, asked.calls["Judge"])
			require.Zero(t, known.calls["Judge"], "what is known is not asked for")
			require.Equal(t, test.outcome, known.outcome())
			require.Equal(t, asked.entries, known.entries, "who, what, when and how much")
			require.Equal(t, asked.steps, known.steps, "and what readers see after each step")
		})
	}
}

func TestACaseThatCannotBeOpenedLeavesNothingBehind(t *testing.T) {
	tests := map[string]struct {
		fails, code, field string
		err                error
	}{
		"its order is gone":            {fails: "Judge", err: refused("order_not_found"), code: "order_not_found"},
		"another case holds its units": {fails: "Hold", err: conflicting("units_not_available"), code: "units_not_available"},
		"a line does not exist":        {fails: "Hold", err: refused("unknown_line", "lines[0].line_id"), code: "unknown_line", field: "lines[0].line_id"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fails[test.fails] = always(test.err)
			opened := w.run()

			refusal := opened.no(test.code)
			require.Equal(t, test.field, refusal.Field)
			require.Empty(t, w.entries, "nothing is recorded or announced")
			require.False(t, w.reserved)
		})
	}
}

func TestAnOutageDelaysTheOpeningAndNothingMore(t *testing.T) {
	w := newWorld(t)
	for _, service := range []string{"Judge", "Hold", "Record"} {
		w.fails[service] = first(5, unavailable())
	}
	w.at(time.Hour, contract.Withdraw{Envelope: buyer})
	opened := w.run()

	require.NoError(t, opened.err)
	require.Equal(t, int64(2), opened.opened.Version)
	w.wantTimeline("case.opened case.approved case.withdrawn case.closed")
}

func TestASecondOpenIsAnsweredWithHowTheCaseStands(t *testing.T) {
	w := newWorld(t)
	w.at(time.Hour, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"})
	again := w.at(2*time.Hour, nil)
	w.at(3*time.Hour, received())
	w.run()

	require.Equal(t, "in_transit", again.opened.Stage)
	require.Equal(t, "case_1", again.opened.CaseID)
}

func TestAnActionBeforeTheCaseStandsIsRefused(t *testing.T) {
	w := newWorld(t)
	w.fails["Judge"] = first(3, unavailable())
	early := w.at(100*time.Millisecond, contract.Withdraw{Envelope: buyer})
	note := w.at(100*time.Millisecond, contract.AddNote{Envelope: noted(buyer, "note_1")})
	w.at(time.Hour, contract.Withdraw{Envelope: buyer})
	w.run()

	early.no(contract.RefusedNotAllowed)
	note.no(contract.RefusedNotAllowed)
}

func TestAWorkflowThatIsCancelledWhileItOpensHoldsNoUnits(t *testing.T) {
	w := newWorld(t)
	w.fails["Hold"] = always(unavailable())
	w.cancel(time.Minute)
	opened := w.run()

	require.Error(t, opened.err)
	require.Empty(t, w.entries)
	require.True(t, w.settled, "the request to reserve, which may be on its way still, is buried")
}
