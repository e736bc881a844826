package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/problem"
)

const merchant = "m1"

var start = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// each runs the test on both engines, with a clock that stands still.
func each(t *testing.T, test func(t *testing.T, s *store.Store, db *gorm.DB)) {
	t.Helper()
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		test(t, store.New(db, func() time.Time { return start }), db)
	})
}

func asked(buyer string) domain.Application {
	return domain.Application{
		Applicant: domain.Actor{Role: domain.RoleBuyer, ID: buyer}, BuyerID: buyer, OrderID: "o-" + buyer, Type: "return_refund",
		Reason: "no_longer_wanted", Channel: "web", Lines: []domain.LineQuantity{{LineID: "l1", Quantity: 1}}, Text: "too small",
	}
}

func apply(t *testing.T, s *store.Store, key string, a domain.Application) string {
	t.Helper()
	caseID, _, err := s.StoreApplication(t.Context(), merchant, key, a, nil)
	if err != nil {
		t.Fatal(err)
	}
	return caseID
}

// state is an open case of which the agent is to act by the deadline.
func state(change ...func(*domain.State)) domain.State {
	s := domain.State{
		Stage: "reviewing", Status: domain.StatusOpen, Deadline: start.Add(48 * time.Hour), Awaiting: domain.RolesOf(domain.RoleAgent),
		Document: json.RawMessage(`{"stage":"reviewing"}`),
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func closed(s *domain.State) { s.Stage, s.Status, s.Outcome = "closed", "closed", "refunded" }

func stepOf(t *testing.T, s domain.State, at time.Time, numbers ...int64) domain.Step {
	t.Helper()
	entries := make([]domain.Entry, 0, len(numbers))
	for _, n := range numbers {
		entries = append(entries, domain.Entry{
			Number: n, Type: "case.opened", At: at, Actor: domain.Actor{Role: domain.RoleSystem, ID: "workflow"},
			Audience: domain.Everyone, Rules: []string{"CN-01"}, Data: map[string]any{"amount": map[string]any{"amount": float64(1999), "currency": "CNY"}},
		})
	}
	step, err := domain.NewStep(entries, s, 0)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func record(t *testing.T, s *store.Store, caseID string, step domain.Step) {
	t.Helper()
	if recorded, err := s.RecordStep(t.Context(), merchant, caseID, step); err != nil || recorded.Version != step.Last() {
		t.Fatalf("%+v, %v", recorded, err)
	}
}

// opened is a case at version 1.
func opened(t *testing.T, s *store.Store, key string, a domain.Application, st domain.State, at time.Time) string {
	t.Helper()
	caseID := apply(t, s, key, a)
	record(t, s, caseID, stepOf(t, st, at, 1))
	return caseID
}

func refused(t *testing.T, err error, code string) {
	t.Helper()
	if !problem.HasCode(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestAnApplicationIsKeptOnceForEverByItsKey(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		a := asked("b1")
		first, created, err := s.StoreApplication(t.Context(), merchant, "key-1", a, nil)
		if err != nil || !created {
			t.Fatal(created, err)
		}
		again, created, err := s.StoreApplication(t.Context(), merchant, "key-1", a, nil)
		if err != nil || created || again != first {
			t.Errorf("the same content gave %s, %t, %v", again, created, err)
		}
		if kept, err := s.Application(t.Context(), merchant, first); err != nil || kept.Text != a.Text || kept.Lines[0] != a.Lines[0] {
			t.Errorf("%+v, %v", kept, err)
		}
		other := a
		other.Text = "too large"
		_, _, err = s.StoreApplication(t.Context(), merchant, "key-1", other, nil)
		refused(t, err, domain.CodeIdempotencyKeyReused)
		if elsewhere, created, err := s.StoreApplication(t.Context(), "m2", "key-1", a, nil); err != nil || !created || elsewhere == first {
			t.Errorf("another merchant's key gave %s, %t, %v", elsewhere, created, err)
		}
	})
}

func TestApplicationsWithOneKeyAtTheSameMomentAreOneCase(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		ids := make([]string, 12)
		created := make([]bool, len(ids))
		var running sync.WaitGroup
		for i := range ids {
			running.Go(func() {
				var err error
				if ids[i], created[i], err = s.StoreApplication(context.Background(), merchant, "key-1", asked("b1"), nil); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		slices.Sort(ids)
		if ids[0] != ids[len(ids)-1] || ids[0] == "" {
			t.Errorf("several cases: %v", ids)
		}
		if n := len(slices.DeleteFunc(created, func(c bool) bool { return !c })); n != 1 {
			t.Errorf("%d said that they created it", n)
		}
	})
}

func TestEvidenceIsBoundToOneCaseOfItsOwner(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		upload := func(merchantID, id, role, actor string) {
			err := s.AddEvidence(t.Context(), store.Evidence{MerchantID: merchantID, EvidenceID: id, Role: role, ActorID: actor, ContentType: "image/png"})
			if err != nil {
				t.Fatal(err)
			}
		}
		upload(merchant, "e1", "buyer", "b1")
		upload(merchant, "e2", "buyer", "b2")
		upload(merchant, "e3", "agent", "a1")
		upload("m2", "e4", "buyer", "b1")
		naming := func(ids ...string) domain.Application { a := asked("b1"); a.EvidenceIDs = ids; return a }
		for i, ids := range [][]string{{"e1", "e2"}, {"e3"}, {"e4"}, {"e9"}} {
			_, _, err := s.StoreApplication(t.Context(), merchant, fmt.Sprint("bad-", i), naming(ids...), nil)
			refused(t, err, domain.CodeEvidenceNotAvailable)
		}
		caseID := apply(t, s, "key-1", naming("e1"))
		apply(t, s, "key-1", naming("e1")) // repeated
		_, _, err := s.StoreApplication(t.Context(), merchant, "key-2", naming("e1"), nil)
		refused(t, err, domain.CodeEvidenceNotAvailable)

		agent := domain.Actor{Role: "agent", ID: "a1"}
		if _, err := s.StoreNote(t.Context(), merchant, caseID, "note-key", domain.Note{Author: agent, Text: "see", EvidenceIDs: []string{"e1", "e3"}}); err != nil {
			t.Errorf("a note cannot name what the case has and its author's own: %v", err)
		}
		byAgent := naming("e3")
		byAgent.Applicant = agent
		_, _, err = s.StoreApplication(t.Context(), merchant, "key-3", byAgent, nil)
		refused(t, err, domain.CodeEvidenceNotAvailable)

		for _, c := range []struct {
			merchantID, id, buyer string
			seen                  bool
		}{
			{merchant, "e1", "b1", true},
			{merchant, "e3", "b1", false}, // of a note that no timeline has
			{merchant, "e2", "b1", false},
			{merchant, "e2", "", true},
			{"m2", "e1", "", false},
		} {
			_, err := s.Evidence(t.Context(), c.merchantID, c.id, c.buyer, false)
			if (err == nil) != c.seen {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}

func TestTheFirstJudgementIsKept(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		caseID := apply(t, s, "key-1", asked("b1"))
		if _, judged, err := s.Judged(t.Context(), merchant, caseID); err != nil || judged != nil {
			t.Fatal(judged, err)
		}
		kept := make([]int64, 8)
		var running sync.WaitGroup
		for i := range kept {
			running.Go(func() {
				j, err := s.PinJudgement(context.Background(), merchant, caseID, domain.Judgement{Decision: domain.Review, PolicyVersion: int64(i), Goods: 1999})
				if err != nil {
					t.Error(err)
				}
				kept[i] = j.PolicyVersion
			})
		}
		running.Wait()
		_, pinned, err := s.Judged(t.Context(), merchant, caseID)
		if err != nil || pinned == nil || pinned.Goods != 1999 {
			t.Fatalf("%+v, %v", pinned, err)
		}
		for _, version := range kept {
			if version != pinned.PolicyVersion {
				t.Errorf("answered %v, kept %d", kept, pinned.PolicyVersion)
				break
			}
		}
	})
}

func TestPoliciesHaveVersionsThatStay(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		shipped, err := s.PolicyInForce(t.Context(), merchant)
		if err != nil || shipped.Policy.Version() != 0 || !shipped.At.IsZero() {
			t.Fatalf("version %d at %v, %v", shipped.Policy.Version(), shipped.At, err)
		}
		spec := shipped.Policy.Spec()
		publish := func(days int) store.Published {
			spec.Windows.NoReasonDays = &days
			p, err := s.Publish(t.Context(), merchant, spec)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		if p := publish(7); p.Policy.Version() != 0 {
			t.Errorf("the content in force became version %d", p.Policy.Version())
		}
		if p := publish(14); p.Policy.Version() != 1 || !p.At.Equal(start) {
			t.Errorf("version %d at %v", p.Policy.Version(), p.At)
		}
		if p := publish(14); p.Policy.Version() != 1 {
			t.Errorf("the same content became version %d", p.Policy.Version())
		}
		if p := publish(7); p.Policy.Version() != 2 {
			t.Errorf("an earlier content became version %d", p.Policy.Version())
		}
		old, err := s.Policy(t.Context(), merchant, 1)
		if err != nil || *old.Policy.Spec().Windows.NoReasonDays != 14 {
			t.Errorf("%+v, %v", old, err)
		}
		_, err = s.Policy(t.Context(), merchant, 3)
		refused(t, err, domain.CodePolicyNotFound)
		_, err = s.Policy(t.Context(), "m2", 1)
		refused(t, err, domain.CodePolicyNotFound)
		spec.Timezone = "nowhere"
		_, err = s.Publish(t.Context(), merchant, spec)
		refused(t, err, domain.CodeInvalidPolicy)
	})
}

func TestPoliciesPublishedAtTheSameMomentGetAVersionEach(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		versions := make([]int64, 6)
		var running sync.WaitGroup
		for i := range versions {
			running.Go(func() {
				spec := domain.DefaultPolicy().Spec()
				spec.Windows.NoReasonDays = new(20 + i)
				p, err := s.Publish(context.Background(), merchant, spec)
				if err != nil {
					t.Error(err)
					return
				}
				versions[i] = p.Policy.Version()
			})
		}
		running.Wait()
		slices.Sort(versions)
		if !slices.Equal(versions, []int64{1, 2, 3, 4, 5, 6}) {
			t.Errorf("versions %v", versions)
		}
	})
}
