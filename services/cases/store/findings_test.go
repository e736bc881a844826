package store_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database"
)

func finding(merchantID, kind, workflowID string, since time.Time) store.Finding {
	return store.Finding{MerchantID: merchantID, Kind: kind, WorkflowID: workflowID, CaseID: "c1", Code: "a_code", Since: database.At(since)}
}

func wantFindings(t *testing.T, s *store.Store, merchantID string, want ...string) {
	t.Helper()
	found, _, err := s.Findings(t.Context(), merchantID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%s %s since %s", f.Kind, f.WorkflowID, f.Since.Sub(start)))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestFindingsAreThoseOfTheLastSweepAndKeepTheirBeginning(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		if _, at, err := s.Findings(t.Context(), merchant); err != nil || !at.IsZero() {
			t.Fatalf("before the first sweep: %v, %v", at, err)
		}
		sweep := func(minutes int, found ...store.Finding) {
			t.Helper()
			at := start.Add(time.Duration(minutes) * time.Minute)
			if err := s.PutFindings(t.Context(), at, int64(len(found)), found); err != nil {
				t.Fatal(err)
			}
		}
		sweep(10, finding(merchant, "no_progress", "w1", start), finding("m2", "no_progress", "w2", start), finding(merchant, "stage_differs", "w3", start))
		wantFindings(t, s, merchant, "no_progress w1 since 0s", "stage_differs w3 since 0s")
		wantFindings(t, s, "m2", "no_progress w2 since 0s")
		sweep(20, finding(merchant, "no_progress", "w1", start.Add(20*time.Minute)))
		wantFindings(t, s, merchant, "no_progress w1 since 0s")
		wantFindings(t, s, "m2")
		sweep(15, finding(merchant, "no_progress", "w9", start))
		wantFindings(t, s, merchant, "no_progress w1 since 0s") // a sweep that was overtaken tells nothing
		sweep(30)
		wantFindings(t, s, merchant)
		if _, at, err := s.Findings(t.Context(), merchant); err != nil || !at.Equal(start.Add(30*time.Minute)) {
			t.Errorf("the last sweep ended at %v, %v", at, err)
		}
	})
}

func TestOpenCasesOfAllMerchantsComePageByPage(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		want := map[string]bool{}
		for i := range 5 {
			want[opened(t, s, fmt.Sprintf("key-%d", i), asked(fmt.Sprintf("b%d", i)), state(), start)] = true
		}
		opened(t, s, "key-closed", asked("b9"), state(closed), start)
		other, _, err := s.StoreApplication(t.Context(), "m2", "key-other", asked("b1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.RecordStep(t.Context(), "m2", other, stepOf(t, state(), start, 1)); err != nil {
			t.Fatal(err)
		}
		want[other] = true
		var afterMerchant, afterCase string
		for range 4 {
			page, err := s.OpenCases(t.Context(), afterMerchant, afterCase, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page {
				if !want[c.CaseID] || c.Deadline != start.Add(48*time.Hour).UnixMicro() || len(c.Document.V) == 0 {
					t.Errorf("unexpected or incomplete: %+v", c)
				}
				delete(want, c.CaseID)
				afterMerchant, afterCase = c.MerchantID, c.CaseID
			}
		}
		if len(want) > 0 {
			t.Errorf("not listed: %v", want)
		}
	})
}

func TestTheAttentionQueueIsCountedAndFilteredByReason(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		stuck := func(reason string) func(*domain.State) {
			return func(st *domain.State) {
				st.NeedsAttention, st.AttentionReason = true, reason
				st.Document = []byte(`{"stage":"reviewing","attention":{"reason":"` + reason + `","since":"2026-11-01T08:00:00Z"}}`)
			}
		}
		opened(t, s, "key-1", asked("b1"), state(stuck("unavailable")), start)
		opened(t, s, "key-2", asked("b2"), state(stuck("unavailable")), start)
		late := opened(t, s, "key-3", asked("b3"), state(stuck("refund_late")), start)
		opened(t, s, "key-4", asked("b4"), state(), start)

		// A case of the release before has its reason in the document alone, until the migration takes it out.
		if err := db.Exec("UPDATE cases SET attention_reason = ''").Error; err != nil {
			t.Fatal(err)
		}
		if err := db.Exec(fillStatement(t)).Error; err != nil {
			t.Fatal(err)
		}
		counts, err := s.Attention(t.Context(), merchant)
		if want := "[{unavailable 2} {refund_late 1}]"; err != nil || fmt.Sprint(counts) != want {
			t.Errorf("counted %v, %v, want %s", counts, err, want)
		}
		page, _, err := s.List(t.Context(), merchant, store.Query{AttentionReason: "refund_late", Limit: 10})
		if err != nil || len(page) != 1 || page[0].CaseID != late {
			t.Errorf("filtered %v, %v", page, err)
		}
	})
}

// fillStatement is the migration that takes reasons out of documents.
func fillStatement(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("migrations/00006_cases_attention_reason_fill.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, statement, _ := strings.Cut(string(content), "UPDATE")
	return "UPDATE " + strings.TrimSuffix(strings.TrimSpace(statement), ";")
}
