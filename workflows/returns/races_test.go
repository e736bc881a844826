package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/contract"
)

// together plays actions at one moment, one right after the other.
func (w *world) together(d time.Duration, acts ...contract.Act) []*answer {
	answers := make([]*answer, 0, len(acts))
	for _, act := range acts {
		answers = append(answers, w.newAnswer(act))
	}
	w.env.RegisterDelayedCallback(func() {
		for i, act := range acts {
			w.send(answers[i], act)
		}
	}, d)
	return answers
}

func TestOfTwoActionsAtOnceOneWins(t *testing.T) {
	inspecting := func(w *world) { w.at(time.Hour, received()) }
	review := func(w *world) { w.verdict.Decision = "review" }
	tests := map[string]struct {
		prepare      func(*world)
		first, other contract.Act
		outcome      string
	}{
		"approve and reject":   {review, contract.Approve{Envelope: agent}, contract.Reject{Envelope: agent, Reason: "x"}, "expired"},
		"reject and approve":   {review, contract.Reject{Envelope: agent, Reason: "x"}, contract.Approve{Envelope: agent}, "rejected"},
		"withdraw and approve": {review, withdraw, contract.Approve{Envelope: agent}, "withdrawn"},
		"inspect and inspect":  {inspecting, acceptAll(), rejectAll(), "refunded"},
		"inspect and withdraw": {inspecting, acceptAll(), withdraw, "refunded"},
		"withdraw and inspect": {inspecting, withdraw, acceptAll(), "withdrawn"},
		"withdraw twice":       {review, withdraw, withdraw, "withdrawn"},
		"book and ship": {
			func(w *world) { w.at(10*time.Hour, received()) },
			contract.BookPickup{Envelope: buyer},
			contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"},
			"refunded",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.home = true
			test.prepare(w)
			answers := w.together(5*time.Hour, test.first, test.other)
			w.run()

			require.NoError(t, answers[0].err)
			require.Error(t, answers[1].err)
			require.Equal(t, test.outcome, w.outcome())
		})
	}
}

func TestAnApprovedCaseCanBeWithdrawnRightAfter(t *testing.T) {
	w := newWorld(t)
	w.verdict.Decision = "review"
	answers := w.together(5*time.Hour, contract.Approve{Envelope: agent}, withdraw)
	w.run()

	require.NoError(t, answers[0].err)
	if answers[1].err == nil {
		require.Equal(t, "withdrawn", w.outcome())
	} else {
		answers[1].no(contract.RefusedNotAllowed)
		require.Equal(t, "expired", w.outcome())
	}
}

// withSignal plays a carrier's report and an action in one workflow task.
func (w *world) withSignal(d time.Duration, state logisticsapi.ShipmentState, act contract.Act) *answer {
	a := w.newAnswer(act)
	w.env.RegisterDelayedCallback(func() {
		id := w.knows(state)
		w.env.SignalWorkflowSkippingWorkflowTask(contract.CarrierEvent, contract.Event{EventID: id + string(state), Subject: id})
		w.send(a, act)
	}, d)
	return a
}

func TestAWithdrawalAndADeliveryAtOnce(t *testing.T) {
	w := booked(t)
	w.home = true
	w.carrier(2*time.Hour, logisticsapi.ShipmentStatePickedUp)
	w.withSignal(10*time.Hour, logisticsapi.ShipmentStateDelivered, withdraw)
	w.run()

	require.Equal(t, "withdrawn", w.outcome())
	require.True(t, w.has("goods.returned_to_buyer"))
	require.Equal(t, "case.withdrawn", w.types()[4], "the withdrawal is what is told first")
}

func TestACancellationAndAPickupAtOnce(t *testing.T) {
	w := booked(t)
	cancel := w.withSignal(2*time.Hour, logisticsapi.ShipmentStatePickedUp, contract.CancelPickup{Envelope: buyer})
	w.carrier(20*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()

	require.Error(t, cancel.err)
	require.Equal(t, 1, w.count("shipment.picked_up"))
	require.Equal(t, "refunded", w.outcome())
}

func TestAReceiptAndADeliveryAtOnce(t *testing.T) {
	w := booked(t)
	w.verdict.Insured = true
	w.withSignal(10*time.Hour, logisticsapi.ShipmentStateDelivered, received())
	w.run()

	require.Equal(t, 1, w.count("goods.received"))
	require.Equal(t, "refunded", w.outcome())
	require.Len(t, w.filed, 1)
}

func TestAnActionAtTheMomentOfTheDeadlineIsTakenOrRefusedButNeverLost(t *testing.T) {
	tests := map[string]struct {
		prepare func(*world)
		at      time.Duration
		act     contract.Act
		taken   string
		late    string
	}{
		"approve": {
			func(w *world) { w.verdict.Decision, w.verdict.Clocks.ReviewSilence = "review", "reject" }, 48 * time.Hour,
			contract.Approve{Envelope: agent},
			"expired", "rejected",
		},
		"answer a rejection": {
			func(w *world) { w.verdict.Decision = "reject" }, shipTime,
			contract.AnswerRejection{Envelope: buyer},
			"expired", "rejected",
		},
		"ship": {
			func(w *world) { w.at(shipTime+time.Hour, received()) }, shipTime,
			contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"},
			"refunded", "expired",
		},
		"inspect": {func(w *world) { w.at(time.Hour, received()) }, 49 * time.Hour, rejectAll(), "rejected", "refunded"},
		"contest": {func(w *world) {
			w.at(time.Hour, received())
			w.at(2*time.Hour, rejectAll())
			w.at(51*time.Hour, contract.DecideContest{Envelope: agent, Decision: contract.ContestAccept})
		}, 50 * time.Hour, contract.Contest{Envelope: buyer}, "refunded", "rejected"},
	}
	for name, test := range tests {
		for shift, early := range map[time.Duration]bool{-time.Millisecond: true, 0: true, time.Millisecond: false} {
			t.Run(name+" "+shift.String(), func(t *testing.T) {
				w := newWorld(t)
				w.home = true
				test.prepare(w)
				act := w.at(test.at+shift, test.act)
				w.run()

				if shift == 0 {
					// Either may come first; the answer says which.
					early = act.err == nil
				}
				if early {
					require.NoError(t, act.err)
					require.Equal(t, test.taken, w.outcome())
				} else {
					require.Error(t, act.err)
					require.Equal(t, test.late, w.outcome())
				}
			})
		}
	}
}

func TestAnActionOnAnOldVersionIsRefused(t *testing.T) {
	w := newWorld(t)
	w.verdict.Decision = "review"
	old, seen := agent, agent
	old.Version, seen.Version = 7, 1
	stale := w.at(time.Hour, contract.Approve{Envelope: old})
	w.at(2*time.Hour, contract.Approve{Envelope: seen}).expect("waiting_shipment")
	again := w.at(3*time.Hour, contract.Withdraw{Envelope: seen})
	w.run()

	refusal := stale.no(contract.RefusedVersion)
	require.Equal(t, int64(1), refusal.Version)
	require.Equal(t, []contract.Action{"approve", "reject", "request_info", "withdraw"}, refusal.Allowed)
	again.no(contract.RefusedVersion)
}

func TestAnActionOnACaseWhileAStepIsUnderWayIsRefused(t *testing.T) {
	w := newWorld(t)
	w.fails["CreateShipment"] = first(3, unavailable())
	w.at(time.Hour, contract.BookPickup{Envelope: buyer}).expect("waiting_pickup")
	busy := w.at(time.Hour+2*time.Second, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"})
	w.at(2*time.Hour, received())
	w.run()

	require.Equal(t, []contract.Action{contract.ActionWithdraw}, busy.no(contract.RefusedNotAllowed).Allowed)
}

func TestAnActionIsHeardWhileTheParcelIsLookedFor(t *testing.T) {
	tests := map[string]struct {
		state logisticsapi.ShipmentState
		taken bool
	}{
		"and nothing changed for it":      {logisticsapi.ShipmentStateAccepted, true},
		"and is refused if it comes late": {logisticsapi.ShipmentStatePickedUp, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := booked(t)
			w.fails["GetShipment"] = first(5, unavailable())
			w.carrier(2*time.Hour, test.state)
			act := w.at(2*time.Hour+time.Second, contract.CancelPickup{Envelope: buyer})
			w.at(3*time.Hour, received())
			w.run()

			if test.taken {
				act.ok("waiting_shipment")
			} else {
				require.Equal(t, "in_transit", act.no(contract.RefusedNotAllowed).Stage)
			}
		})
	}
}

func TestAnActionThatComesWhileTheCaseIsRecordedIsAnsweredForItself(t *testing.T) {
	w := newWorld(t)
	w.verdict.Decision = "review"
	w.fails["Record"] = func(call int) error {
		if call >= 2 && call <= 4 { // after the approval
			return unavailable()
		}
		return nil
	}
	w.fails["CreateShipment"] = always(conflicting("tracking_in_use"))
	approve := w.at(time.Hour, contract.Approve{Envelope: agent})
	ship := w.at(time.Hour+time.Second, contract.Ship{Envelope: buyer, Carrier: "sf", TrackingNumber: "SF1"})
	w.run()

	approve.ok("waiting_shipment")
	ship.no("tracking_in_use")
}

func TestAWithdrawalThatComesWhileTheCaseIsRecordedIsAnsweredForItself(t *testing.T) {
	w := newWorld(t)
	w.verdict.Decision = "review"
	w.fails["Record"] = func(call int) error {
		if call >= 2 && call <= 4 {
			return unavailable()
		}
		return nil
	}
	w.at(time.Hour, contract.Approve{Envelope: agent})
	w.at(time.Hour+time.Second, withdraw).expect("closed")
	w.run()

	require.Equal(t, "withdrawn", w.outcome())
}

func TestADeclinedClockDoesNotAnswerTheNextAction(t *testing.T) {
	w := rejected(t)
	w.fails["CreateShipment"] = func(call int) error {
		if call == 2 {
			return refused("contact_incomplete")
		}
		return nil
	}
	w.at(81*time.Hour, contract.Retry{Envelope: operator}).expect("sending_back")
	w.at(82*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"}).expect("sending_back")
	w.carrier(90*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.run()
}

func TestAnActionThatIsCancelledTogetherWithTheWorkflowIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.fails["CreateShipment"] = first(5, unavailable())
	book := w.at(time.Hour, contract.BookPickup{Envelope: buyer})
	w.cancel(time.Hour + 2*time.Second)
	w.run()

	require.True(t, book.done)
	require.Equal(t, "resolved", w.outcome())
}
