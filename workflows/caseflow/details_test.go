package caseflow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

func TestTheChecklistTellsWhereACaseIsAndWhatToPress(t *testing.T) {
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	f := &Flow{Case: contract.Case{MerchantID: "m1", CaseID: "c1"}, version: 7}
	f.walk(api.StageReviewing, at)
	f.walk(api.StageWaitingPickup, at.Add(time.Hour))
	f.walk(api.StageWaitingPickup, at.Add(2*time.Hour))
	deadline, again := at.Add(3*time.Hour), consequenceTriedAgain
	f.State = api.CaseState{
		Status: api.StatusOpen, Stage: api.StageWaitingPickup, Attention: &api.Attention{Reason: "carrier_unavailable", Since: at.Add(2 * time.Hour)},
		NextActions: []api.NextAction{
			{Action: "retry", Actors: []string{"operator", "administrator"}, Deadline: &deadline, Consequence: &again},
			{Action: "withdraw", Actors: []string{"buyer"}},
		},
	}
	details := f.details()
	for _, want := range []string{
		"Needs attention: `carrier_unavailable`", "Since 2026-11-22 10:00 UTC", "has not answered for a long time",
		"- `retry` tries the step again", `{"note": "why"}`,
		"- ✓ review\n", "▶ **waiting for the courier** since 2026-11-22 09:00 UTC",
		"| operator, administrator | retry: try the step again | 2026-11-22 11:00 UTC | the step is tried again by itself |",
		"| buyer | withdraw | – | – |",
	} {
		require.Contains(t, details, want)
	}
	require.NotContains(t, details, "`skip` goes on", "only what can be pressed is offered")

	outcome := api.OutcomeRefunded
	f.State = api.CaseState{Status: api.StatusClosed, Stage: api.StageClosed, Outcome: &outcome}
	f.walk(api.StageClosed, deadline)
	require.Contains(t, f.details(), "Outcome: **refunded**")
	require.NotContains(t, f.details(), "▶")
}

func TestEveryReasonIsExplained(t *testing.T) {
	for reason, words := range map[string]string{
		"unavailable": "every hour", "provider_misconfigured": "credential", "unexpected": "defect", "refund_refused": "Finance decides",
		"parcel_lost": "An agent decides", "send_back_lost": "Find them", "unknown_line": "refused the step", "insurance_late": "insurer",
	} {
		require.Contains(t, explain(reason, false), words)
	}
}

func TestACaseThatGoesInCirclesKeepsAShortChecklist(t *testing.T) {
	f := &Flow{}
	for i := range 100 {
		f.walk([]api.Stage{api.StageWaitingShipment, api.StageInTransit}[i%2], time.Time{})
	}
	require.Len(t, f.walked, longestWay)
	require.Equal(t, api.StageInTransit, f.walked[longestWay-1])
}
