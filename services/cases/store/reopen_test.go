package store_test

import (
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
)

// reopening is a step that opens a closed case again, of a workflow whose fences begin anew, above those before.
func reopening(t *testing.T, number, fence int64, at time.Time) domain.Step {
	t.Helper()
	step, err := domain.NewStep([]domain.Entry{{
		Number: number, Type: "case.reopened", At: at, Actor: domain.Actor{Role: domain.RoleSystem, ID: "payment_provider"},
		Audience: domain.Everyone, Data: map[string]any{"reason": "refund_returned"},
	}}, state(func(s *domain.State) {
		s.Deadline = at.Add(7 * 24 * time.Hour)
		s.Stage, s.NeedsAttention, s.AttentionReason, s.Awaiting = "refunding", true, "refund_returned", domain.RolesOf(domain.RoleFinance)
	}), fence)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func TestAClosedCaseIsOpenedAgainByAStepThatSaysSo(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		caseID := opened(t, s, "key-1", asked("b1"), state(), start)
		record(t, s, caseID, stepOf(t, state(closed), start.Add(time.Hour), 2))

		_, err := s.RecordStep(t.Context(), merchant, caseID, stepOf(t, state(), start.Add(2*time.Hour), 3))
		refused(t, err, domain.CodeCaseClosed)

		days := start.Add(5 * 24 * time.Hour)
		recorded, err := s.RecordStep(t.Context(), merchant, caseID, reopening(t, 3, 3<<20, days))
		if err != nil || recorded.Version != 3 || recorded.Reopened != "refund_returned" || recorded.Opened || recorded.Closed {
			t.Fatalf("%+v, %v", recorded, err)
		}
		c, err := s.Case(t.Context(), merchant, caseID, "b1")
		if err != nil || c.Status != "open" || c.Stage != "refunding" || c.Outcome != "" || c.ClosedAt.Valid || !c.OpenedAt.Equal(start) {
			t.Errorf("%+v, %v", c, err)
		}
		if again, err := s.RecordStep(t.Context(), merchant, caseID, reopening(t, 3, 3<<20+5, days)); err != nil || again.Reopened != "" || again.Version != 3 {
			t.Errorf("repeated: %+v, %v", again, err)
		}

		// Lists and measures have it among the open ones.
		attention := true
		page, _, err := s.List(t.Context(), merchant, store.Query{
			Status: "open", NeedsAttention: &attention, AttentionReason: "refund_returned", Awaiting: domain.RolesOf(domain.RoleFinance), Limit: 5,
		})
		if err != nil || len(page) != 1 || page[0].CaseID != caseID {
			t.Errorf("%+v, %v", page, err)
		}
		measures, err := s.Measures(t.Context())
		if err != nil || len(measures) != 1 || measures[0].Cases != 1 || measures[0].AttentionReason != "refund_returned" {
			t.Errorf("%+v, %v", measures, err)
		}

		end, err := domain.NewStep([]domain.Entry{{
			Number: 4, Type: "case.closed", At: days.Add(time.Hour), Actor: domain.Actor{Role: domain.RoleSystem, ID: "workflow"}, Audience: domain.Everyone,
		}}, state(closed), 3<<20+30)
		if err != nil {
			t.Fatal(err)
		}
		recorded, err = s.RecordStep(t.Context(), merchant, caseID, end)
		if err != nil || !recorded.Closed || recorded.Missed != "" {
			t.Errorf("%+v, %v", recorded, err)
		}
		c, err = s.Case(t.Context(), merchant, caseID, "")
		if err != nil || !c.ClosedAt.Time.Equal(days.Add(time.Hour)) || c.Outcome != "refunded" {
			t.Errorf("closed again: %+v, %v", c, err)
		}
	})
}

func TestTheWorkflowThatClosedACaseCannotTakeItBack(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		caseID := opened(t, s, "key-1", asked("b1"), state(), start)
		record(t, s, caseID, stepOf(t, state(closed), start, 2))
		record(t, s, caseID, reopening(t, 3, 2<<20, start.Add(time.Hour)))

		late, err := domain.NewStep([]domain.Entry{{
			Number: 3, Type: "refund.late", At: start, Actor: domain.Actor{Role: domain.RoleSystem, ID: "clock"}, Audience: domain.Staff,
		}}, state(), 900)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.RecordStep(t.Context(), merchant, caseID, late)
		refused(t, err, domain.CodeStepStale)
	})
}
