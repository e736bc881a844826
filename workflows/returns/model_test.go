package returns_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	casesapi "aftercare.dev/services/cases/api"
	logisticsapi "aftercare.dev/services/logistics/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// Random orders, actions, silences and answers of carriers, providers and insurers. Whatever happened before, an action
// that the case offers is taken, or refused for its content; one that it does not offer is refused; the case ends, with
// everything that holds for every case; and it has kept the rules. rapid prints the seed of a failure; -rapid.checks sets
// the number of runs of each of the three, `make model` runs thousands.

func TestWhateverHappensACaseKeepsTheRulesDoesWhatItSaysAndEnds(t *testing.T) {
	t.Parallel()
	for _, worldly := range []string{"services answer", "services fail", "everything at once"} {
		t.Run(worldly, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { liveThrough(t, worldly) })
		})
	}
}

func liveThrough(t *rapid.T, kind string) {
	w := newWorld(t)
	w.home, w.quiet = true, true
	w.drawOrder(t)
	w.verdict.Decision = rapid.SampledFrom([]casesapi.JudgementDecision{"approve", "approve", "review", "reject"}).Draw(t, "decision")
	w.verdict.Insured = rapid.Bool().Draw(t, "insured")
	w.verdict.Clocks.ReviewSilence = rapid.SampledFrom([]casesapi.ClocksReviewSilence{"approve", "reject"}).Draw(t, "silence")
	if rapid.Bool().Draw(t, "judged at filing") {
		w.knowsJudgement()
	}
	w.pays = rapid.SampledFrom([]paymentapi.RefundState{"succeeded", "succeeded", "needs_attention", "closed"}).Draw(t, "pays")
	w.claimState = rapid.SampledFrom([]logisticsapi.InsuranceClaimState{"paid", "rejected", "filed"}).Draw(t, "claim")
	if kind != "services answer" {
		w.breakServices(t)
	}
	spread := 6 * time.Hour
	if kind == "everything at once" {
		spread = 0
	}
	at := time.Duration(0)
	for range rapid.IntRange(1, 25).Draw(t, "length") {
		at += time.Duration(rapid.IntRange(0, 8).Draw(t, "pause"))*spread + time.Second
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			state := rapid.SampledFrom(shipmentStates).Draw(t, "state")
			w.env.RegisterDelayedCallback(func() { w.happens(state) }, at)
		case 1:
			act := rapid.Custom(w.drawAct).Draw(t, "act")
			w.tries(at, func(caseflow.Status) contract.Act { return act })
		default:
			w.tries(at, sensible(rapid.SliceOfN(rapid.Custom(w.drawAct), 40, 40).Draw(t, "acts")))
		}
	}
	w.paidBefore = rapid.SampledFrom([]int64{0, 0, 700}).Draw(t, "paid before")
	if rapid.IntRange(0, 9).Draw(t, "cancel") == 0 {
		w.cancel(at/2 + time.Millisecond) // not at the very moment of an action
	}
	for d := at + 24*time.Hour; d < at+60*24*time.Hour; d += 12 * time.Hour {
		w.env.RegisterDelayedCallback(w.tidyUp, d)
	}
	w.run()
	keepsTheRules(w, kind == "services answer")
}

// drawOrder is a case of some lines, whose units cost what they cost.
func (w *world) drawOrder(t *rapid.T) {
	w.units, w.in.Lines, w.verdict.Lines = map[string]int64{}, nil, nil
	for n := range rapid.IntRange(1, 3).Draw(t, "lines") {
		id, quantity := fmt.Sprintf("l%d", n+1), rapid.Int64Range(1, 4).Draw(t, "quantity")
		w.units[id] = rapid.Int64Range(1, 99_999).Draw(t, "unit")
		w.in.Lines = append(w.in.Lines, contract.LineQuantity{LineID: id, Quantity: quantity})
		w.verdict.Lines = append(w.verdict.Lines, casesapi.SettledLine{LineID: id, Quantity: quantity, Amount: cny(quantity * w.units[id])})
	}
	w.verdict.Refund = casesapi.RefundQuote{Goods: cny(w.expected()), Freight: cny(0), Total: cny(w.expected())}
}

// drawInspection is a verdict about every line of the case.
func (w *world) drawInspection(t *rapid.T) contract.Inspect {
	verdict := contract.Inspect{Envelope: warehouse}
	for _, l := range w.in.Lines {
		accepted := rapid.Int64Range(0, l.Quantity).Draw(t, "accepted")
		line := contract.InspectedLine{LineID: l.LineID, Accepted: accepted, Rejected: l.Quantity - accepted, Condition: "intact"}
		if line.Rejected > 0 {
			line.Condition, line.Rejection = rapid.SampledFrom([]string{"used", "missing"}).Draw(t, "condition"), "used"
		}
		if worth := accepted * w.unit(l.LineID); worth > 0 && rapid.IntRange(0, 3).Draw(t, "worn") == 0 {
			deduction := cny(rapid.Int64Range(0, worth).Draw(t, "deduction"))
			line.Deduction, line.Rejection = &deduction, "used"
		}
		verdict.Lines = append(verdict.Lines, line)
	}
	return verdict
}

var shipmentStates = []logisticsapi.ShipmentState{
	"accepted", "picked_up", "in_transit", "exception", "lost", "refused", "delivered", "returning", "returned", "cancelled", "pickup_failed",
}

// ranks are in which order a parcel goes through its states, as the logistics service guarantees it.
var ranks = map[logisticsapi.ShipmentState]int{
	"requested": 0, "booked": 0, "accepted": 0, "cancelled": 1, "pickup_failed": 1, "picked_up": 2, "in_transit": 2, "exception": 2,
	"lost": 2, "refused": 2, "delivered": 3, "returning": 4, "returned": 5,
}

// happens is a carrier's report, if it can be one.
func (w *world) happens(state logisticsapi.ShipmentState) {
	w.mu.Lock()
	shipment, ok := w.shipments[w.newest]
	ok = ok && ranks[state] >= ranks[shipment.State]
	if ok {
		shipment.State = state
	}
	w.mu.Unlock()
	if ok && !w.env.IsWorkflowCompleted() {
		w.wake(w.newest, string(state))
	}
}

// breakServices lets calls fail: a while for want of an answer, or once for good.
func (w *world) breakServices(t *rapid.T) {
	for _, name := range []string{"CreateShipment", "CancelShipment", "Submit", "FileClaim", "Reschedule", "Resolve", "Record", "GetShipment", "Query"} {
		most := patience + 4
		if slices.Contains([]string{"Record", "GetShipment", "Query"}, name) {
			most = patience - 3 // these are asked for as long as it takes, but the environment gives up
		}
		from, n := rapid.IntRange(1, 4).Draw(t, name+" from"), rapid.IntRange(0, most).Draw(t, name+" calls")
		w.fails[name] = func(call int) error {
			if call >= from && call < from+n {
				return unavailable()
			}
			return nil
		}
	}
	for _, name := range []string{"CreateShipment", "Reschedule", "Resolve"} {
		if rapid.Bool().Draw(t, name+" declines") {
			w.fails[name] = first(1, conflicting("declined"))
		}
	}
	for _, name := range []string{"Amounts", "ReserveRefund", "GetShipment"} {
		if rapid.IntRange(0, 4).Draw(t, name+" refuses") == 0 {
			w.fails[name] = first(1, refused("refused"))
		}
	}
}

// status is what the case says of itself.
func (w *world) status() caseflow.Status {
	value, err := w.env.QueryWorkflow(contract.StatusQuery)
	require.NoError(w.t, err)
	var s caseflow.Status
	require.NoError(w.t, value.Get(&s))
	return s
}

func (s offered) has(action contract.Action) bool { return slices.Contains(s, string(action)) }

type offered []string

func offers(s caseflow.Status) offered {
	names := make(offered, 0, len(s.NextActions))
	for _, next := range s.NextActions {
		names = append(names, next.Action)
	}
	return names
}

// sensible is the first of some actions that the case offers, if there is one.
func sensible(acts []contract.Act) func(caseflow.Status) contract.Act {
	return func(s caseflow.Status) contract.Act {
		possible := offers(s)
		if i := slices.IndexFunc(acts, func(act contract.Act) bool { return possible.has(act.Action()) }); i >= 0 {
			return acts[i]
		}
		return acts[0]
	}
}

// tries plays an action and compares what comes of it with what the case said before.
func (w *world) tries(d time.Duration, choose func(caseflow.Status) contract.Act) {
	w.env.RegisterDelayedCallback(func() {
		if w.env.IsWorkflowCompleted() {
			return
		}
		before := w.status()
		act := choose(before)
		a := w.newAnswer(act)
		w.send(a, act)
		// What comes at the very moment of a deadline may be too late.
		late := before.Clock != nil && !before.Clock.After(w.env.Now())
		if !before.Waiting || late || act.Action() == contract.ActionAddNote {
			return
		}
		possible := offers(before).has(act.Action())
		a.wants = func() {
			switch {
			case a.err == nil:
				require.True(a.t, possible, "%s was taken in stage %s, which offers %v", a.name, before.Stage, offers(before))
			case possible:
				require.NotNil(a.t, a.refused, "%s: %v", a.name, a.err)
				require.NotEqual(a.t, contract.RefusedNotAllowed, a.refused.Code, "%s was refused in stage %s, which offers it", a.name, before.Stage)
			}
		}
	}, d)
}

// tidyUp is somebody who ends what nobody else ends.
func (w *world) tidyUp() {
	if w.env.IsWorkflowCompleted() {
		return
	}
	s := w.status()
	for _, act := range []contract.Act{
		decide(contract.ParcelClose), contract.Skip{Envelope: operator}, resolve(contract.ResolutionVoid, ""),
	} {
		if s.Waiting && offers(s).has(act.Action()) {
			w.send(w.newAnswer(act), act)
			return
		}
	}
}

func (w *world) drawAct(t *rapid.T) contract.Act {
	contents := []string{contract.ContentsAsAnnounced, contract.ContentsAsAnnounced, contract.ContentsMixedUp, contract.ContentsEmpty}
	decisions := []string{contract.ParcelRefund, contract.ParcelWait, contract.ParcelShipAgain, contract.ParcelClose}
	resolutions := []string{contract.ResolutionRetry, contract.ResolutionManualTransfer, contract.ResolutionVoid}
	return rapid.SampledFrom([]contract.Act{
		contract.Approve{Envelope: agent},
		contract.Reject{Envelope: agent, Reason: "used"},
		contract.RequestInfo{Envelope: agent},
		contract.ProvideInfo{Envelope: buyer},
		contract.AnswerRejection{Envelope: buyer},
		withdraw,
		contract.BookPickup{Envelope: buyer},
		contract.BookPickup{Envelope: buyer},
		contract.ReschedulePickup{Envelope: buyer, Slot: contract.Slot{Start: slotFrom, End: slotTo}},
		contract.CancelPickup{Envelope: buyer},
		contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"},
		contract.Receive{Envelope: warehouse, Contents: rapid.SampledFrom(contents).Draw(t, "contents")},
		contract.Receive{Envelope: warehouse, Contents: rapid.SampledFrom(contents).Draw(t, "contents")},
		acceptAll(), w.drawInspection(t), w.drawInspection(t), w.drawInspection(t),
		contract.Agree{Envelope: buyer},
		contract.Contest{Envelope: buyer},
		contract.DecideContest{Envelope: agent, Decision: rapid.SampledFrom([]string{contract.ContestUphold, contract.ContestAccept}).Draw(t, "decision")},
		decide(rapid.SampledFrom(decisions).Draw(t, "decision")), decide(rapid.SampledFrom(decisions).Draw(t, "decision")),
		contract.SendBack{Envelope: warehouse},
		contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"},
		resolve(rapid.SampledFrom(resolutions).Draw(t, "resolution"), "bank-7"),
		contract.AddNote{Envelope: noted(agent, "note_1")},
		contract.Retry{Envelope: operator},
		contract.Skip{Envelope: operator},
		contract.Resolve{Envelope: operator},
	}).Draw(t, "act")
}
