package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/workflows/contract"
)

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
