package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/workflows/contract"
)

func TestANoteIsTakenAtAnyTime(t *testing.T) {
	w := delivered(t)
	w.home = true
	w.at(31*time.Hour, rejectAll())
	stages := map[time.Duration]string{
		30 * time.Minute: "waiting_shipment", 2 * time.Hour: "waiting_pickup", 5 * time.Hour: "in_transit",
		30*time.Hour + time.Minute: "inspecting", 32 * time.Hour: "contesting", 80 * time.Hour: "sending_back",
	}
	for at, stage := range stages {
		w.at(at, contract.AddNote{Envelope: noted(buyer, "note_"+stage)}).expect(stage)
	}
	late := w.at(2000*time.Hour, contract.AddNote{Envelope: noted(buyer, "note_late")})
	w.run()

	require.Equal(t, len(stages), w.count("case.note_added"))
	require.Error(t, late.err)
}

func TestAnInternalNoteIsNotForTheBuyer(t *testing.T) {
	w := newWorld(t)
	w.at(time.Hour, contract.AddNote{Envelope: noted(agent, "note_1"), Internal: true})
	w.at(2*time.Hour, contract.AddNote{Envelope: noted(agent, "note_2")})
	w.run()

	require.Equal(t, "staff", string(*w.entry("case.note_added").Audience))
	require.Equal(t, "everyone", string(*w.entries[3].Audience))
}

func TestANoteWhileAStepIsUnderWayShowsTheCaseAsItLastStood(t *testing.T) {
	w := newWorld(t)
	w.fails["CreateShipment"] = first(5, unavailable())
	w.at(time.Hour, contract.BookPickup{Envelope: buyer}).expect("waiting_pickup")
	w.at(time.Hour+2*time.Second, contract.AddNote{Envelope: noted(buyer, "note_1")}).expect("waiting_shipment")
	w.at(2*time.Hour, received())
	w.run()

	require.Equal(t, "case.note_added", w.types()[2])
	require.Equal(t, w.steps[0], w.steps[1], "the note changes nothing else")
}

func TestANoteWhileTheCaseNeedsAnOperatorDoesNotEndThat(t *testing.T) {
	w := stuckBooking(t)
	w.at(time.Hour+10*time.Minute, contract.AddNote{Envelope: noted(agent, "note_1")})
	w.at(time.Hour+30*time.Minute, contract.Retry{Envelope: operator}).expect("waiting_pickup")
	w.at(2*time.Hour, received())
	w.run()

	require.NotNil(t, w.steps[2].Attention)
}

func TestANoteWhileAStepIsTriedAgainShowsThatTheCaseNeededAnOperator(t *testing.T) {
	w := newWorld(t)
	w.fails["CreateShipment"] = first(patience+5, unavailable())
	w.at(time.Hour, contract.BookPickup{Envelope: buyer})
	w.at(time.Hour+30*time.Minute, contract.Retry{Envelope: operator}).expect("waiting_pickup")
	w.at(time.Hour+30*time.Minute+2*time.Second, contract.AddNote{Envelope: noted(agent, "note_1")})
	w.at(2*time.Hour, received())
	w.run()

	require.Equal(t, []string{"case.needs_attention", "case.note_added", "case.attention_resolved"}, w.types()[2:5])
	require.Equal(t, w.steps[1], w.steps[2], "what the retry brings is not known yet")
}

func TestANoteDuringAnOutageIsRecordedInItsTurn(t *testing.T) {
	w := newWorld(t)
	w.verdict.Decision = "review"
	w.fails["Record"] = func(call int) error {
		if call >= 2 && call <= 6 {
			return unavailable()
		}
		return nil
	}
	w.at(time.Hour, contract.AddNote{Envelope: noted(buyer, "note_1")})
	w.at(time.Hour+50*time.Millisecond, contract.Approve{Envelope: agent}).expect("waiting_shipment")
	w.at(time.Hour+100*time.Millisecond, contract.AddNote{Envelope: noted(buyer, "note_2")})
	w.run()

	require.Equal(t, []string{"case.opened", "case.note_added", "case.approved", "case.note_added"}, w.types()[:4])
}

func TestANoteWhileAnOperatorCancelsTheWorkflowIsKept(t *testing.T) {
	w := newWorld(t)
	w.fails["Record"] = func(call int) error {
		if call >= 2 && call <= 5 {
			return unavailable()
		}
		return nil
	}
	w.at(time.Hour, contract.AddNote{Envelope: noted(buyer, "note_1")})
	w.cancel(time.Hour + 100*time.Millisecond)
	w.run()

	w.wantTimeline("case.opened case.approved case.note_added case.closed")
}

func TestANoteTakesTheVersionOfTheCaseOn(t *testing.T) {
	w := newWorld(t)
	w.at(time.Hour, contract.AddNote{Envelope: noted(buyer, "note_1")})
	seen := buyer
	seen.Version = 2
	w.at(2*time.Hour, contract.Withdraw{Envelope: seen}).refuse(contract.RefusedVersion)
	w.run()
}
