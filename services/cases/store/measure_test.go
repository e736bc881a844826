package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
)

func TestOpenCasesAreCountedByWhatTheyAreAndClosedOnesAreNot(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		late := func(st *domain.State) { st.Deadline = start.Add(-2 * time.Minute) }
		justNow := func(st *domain.State) { st.Deadline = start.Add(-30 * time.Second) }
		none := func(st *domain.State) { st.Deadline = time.Time{} }
		stuck := func(st *domain.State) {
			none(st)
			st.NeedsAttention, st.AttentionReason = true, "provider_refused"
		}
		nameless := func(st *domain.State) {
			none(st)
			st.NeedsAttention = true
		}
		for i, change := range []func(*domain.State){late, none, justNow, stuck, nameless, closed} {
			opened(t, s, string(rune('a'+i)), asked("b1"), state(change), start.Add(time.Duration(i)*time.Hour))
		}

		found, err := s.Measures(t.Context())
		if err != nil || len(found) != 3 {
			t.Fatalf("%+v, %v", found, err)
		}
		want := map[string]store.Measure{
			"": {Cases: 3, Overdue: 1}, "provider_refused": {Cases: 1}, "unknown": {Cases: 1},
		}
		oldest := map[string]time.Duration{"": 0, "provider_refused": 3 * time.Hour, "unknown": 4 * time.Hour}
		for _, m := range found {
			w := want[m.AttentionReason]
			if m.MerchantID != merchant || m.Type != "return_refund" || m.Stage != "reviewing" || m.Cases != w.Cases || m.Overdue != w.Overdue {
				t.Errorf("%+v, want %+v", m, w)
			}
			if since := start.Add(oldest[m.AttentionReason]); !m.Oldest.Equal(since) {
				t.Errorf("%q: oldest %s, want %s", m.AttentionReason, m.Oldest, since)
			}
		}
	})
}

func TestAStepTellsOnceWhatHappenedToTheCase(t *testing.T) {
	waiting := func(st *domain.State) {
		st.Document = json.RawMessage(`{"next_actions":[{"action":"withdraw"},{"action":"approve","consequence":"approved_automatically"}]}`)
	}
	step := func(t *testing.T, number int64, by string, at time.Time, st domain.State) domain.Step {
		t.Helper()
		entry := domain.Entry{Number: number, Type: "case.told", At: at, Actor: domain.Actor{Role: domain.RoleSystem, ID: by}, Audience: domain.Everyone}
		made, err := domain.NewStep([]domain.Entry{entry}, st, 0)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	deadline := state().Deadline
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		caseID := apply(t, s, "key-1", asked("b1"))
		for _, st := range []struct {
			name string
			step domain.Step
			want store.Recorded
		}{
			{"it is opened", step(t, 1, "workflow", start, state(waiting)), store.Recorded{Version: 1, Type: "return_refund", Opened: true}},
			{"a reminder is no deadline", step(t, 2, "clock", deadline.Add(-time.Hour), state(waiting)), store.Recorded{Version: 2, Type: "return_refund"}},
			{"a carrier is no clock", step(t, 3, "carrier", deadline, state(waiting)), store.Recorded{Version: 3, Type: "return_refund"}},
			{"the deadline passes", step(t, 4, "clock", deadline, state()), store.Recorded{Version: 4, Type: "return_refund", Missed: "approved_automatically"}},
			{"which is told again", step(t, 4, "clock", deadline.Add(time.Minute), state()), store.Recorded{Version: 4}},
			{
				"it ends with the next", step(t, 5, "workflow", deadline.Add(time.Hour), state(closed)),
				store.Recorded{Version: 5, Type: "return_refund", Missed: "unnamed", Closed: true, Outcome: "refunded"},
			},
			{"and is not closed twice", step(t, 6, "workflow", deadline.Add(2*time.Hour), state(closed)), store.Recorded{Version: 6, Type: "return_refund"}},
		} {
			recorded, err := s.RecordStep(t.Context(), merchant, caseID, st.step)
			if err != nil || recorded != st.want {
				t.Errorf("%s: %+v, %v, want %+v", st.name, recorded, err, st.want)
			}
		}
	})
}
