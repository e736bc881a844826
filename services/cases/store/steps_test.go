package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/outbox"
	"aftercare.dev/services/platform/problem"
)

func TestACaseExistsForReadersFromItsFirstStepOn(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		a := asked("b1")
		caseID := apply(t, s, "key-1", a)
		_, err := s.Case(t.Context(), merchant, caseID, "")
		refused(t, err, domain.CodeCaseNotFound)
		record(t, s, caseID, stepOf(t, state(), start, 1, 2))
		c, err := s.Case(t.Context(), merchant, caseID, "b1")
		if err != nil || c.Version != 2 || c.Stage != "reviewing" || c.Text != a.Text || !c.OpenedAt.Equal(start) || c.ClosedAt.Valid || c.Judgement.V != nil {
			t.Errorf("%+v, %v", c, err)
		}
		if _, err := s.PinJudgement(t.Context(), merchant, caseID, domain.Judgement{Goods: 7}); err != nil {
			t.Fatal(err)
		}
		later := start.Add(time.Hour)
		record(t, s, caseID, stepOf(t, state(closed), later, 3))
		record(t, s, caseID, stepOf(t, state(closed), later.Add(time.Hour), 4))
		c, err = s.Case(t.Context(), merchant, caseID, "")
		if err != nil || c.Judgement.V == nil || c.Judgement.V.Goods != 7 || !c.ClosedAt.Time.Equal(later) || !c.UpdatedAt.Equal(later.Add(time.Hour)) {
			t.Errorf("%+v, %v", c, err)
		}
		for _, who := range [][2]string{{"m2", ""}, {merchant, "b2"}} {
			_, err := s.Case(t.Context(), who[0], caseID, who[1])
			refused(t, err, domain.CodeCaseNotFound)
			_, err = s.CaseHead(t.Context(), who[0], caseID, who[1])
			refused(t, err, domain.CodeCaseNotFound)
		}
	})
}

func TestAStepIsRecordedOnceInItsPlace(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		caseID := apply(t, s, "key-1", asked("b1"))
		first, second := stepOf(t, state(), start, 1), stepOf(t, state(), start, 2, 3)
		try := func(step domain.Step) error {
			_, err := s.RecordStep(t.Context(), merchant, caseID, step)
			return err
		}
		refused(t, try(second), domain.CodeStepOutOfOrder)
		record(t, s, caseID, first)
		record(t, s, caseID, second)
		for _, again := range []domain.Step{first, second, stepOf(t, state(), start.Add(time.Minute), 2, 3)} {
			want := store.Recorded{Version: again.Last()}
			if again, err := s.RecordStep(t.Context(), merchant, caseID, again); err != nil || again != want {
				t.Errorf("repeated, and late: %+v, %v, want %+v", again, err, want)
			}
		}
		refused(t, try(stepOf(t, state(), start, 3, 4)), domain.CodeStepDiffers)
		refused(t, try(stepOf(t, state(), start, 5)), domain.CodeStepOutOfOrder)
		_, err := s.RecordStep(t.Context(), "m2", caseID, first)
		refused(t, err, domain.CodeCaseNotFound)
		_, err = s.RecordStep(t.Context(), merchant, "case_unknown", second)
		refused(t, err, domain.CodeCaseNotFound)

		head, err := s.CaseHead(t.Context(), merchant, caseID, "b1")
		if err != nil || head.Version != 3 {
			t.Errorf("%+v, %v", head, err)
		}
		var events []store.Event
		relay := outbox.NewRelay(outbox.Options{DB: db, Deliver: outbox.Each(func(_ context.Context, m outbox.Message) error {
			var e store.Event
			if err := json.Unmarshal(m.Payload, &e); err != nil {
				return err
			}
			events = append(events, e)
			return nil
		})})
		for range 5 {
			if _, err := relay.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(events) != 3 {
			t.Fatalf("%d events, want one for each entry", len(events))
		}
		for i, e := range events {
			if e.Number != int64(i+1) || e.EventID != fmt.Sprintf("%s:%d", caseID, i+1) || e.OrderID != "o-b1" || e.BuyerID != "b1" || e.Stage != "reviewing" {
				t.Errorf("event %d: %+v", i, e)
			}
		}
	})
}

func TestOfStepsAtTheSameMomentOneIsTheNext(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		caseID := opened(t, s, "key-1", asked("b1"), state(), start)
		// Half of them are the same step, half are another.
		var mu sync.Mutex
		var won, lost int
		var running sync.WaitGroup
		for i := range 12 {
			running.Go(func() {
				_, err := s.RecordStep(context.Background(), merchant, caseID, telling(t, 0, start, 2, []string{"case.approved", "case.rejected"}[i%2]))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case problem.HasCode(err, domain.CodeStepDiffers):
					lost++
				default:
					t.Error(err)
				}
			})
		}
		running.Wait()
		if won != 6 || lost != 6 {
			t.Errorf("%d were recorded or repeated, %d differ", won, lost)
		}
		wantMessages(t, db, 2)
	})
}

// telling is a step of entries of the types given, by a caller with a fence.
func telling(t *testing.T, fence int64, at time.Time, first int64, types ...string) domain.Step {
	t.Helper()
	var entries []domain.Entry
	for i, kind := range types {
		entries = append(entries, domain.Entry{
			Number: first + int64(i), Type: kind, At: at, Actor: domain.Actor{Role: domain.RoleSystem, ID: "workflow"}, Audience: domain.Everyone,
		})
	}
	st := state(func(st *domain.State) { st.Deadline = at.Add(time.Hour) })
	step, err := domain.NewStep(entries, st, fence)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func wantMessages(t *testing.T, db *gorm.DB, want int64) {
	t.Helper()
	var messages int64
	if err := db.Table("outbox_messages").Count(&messages).Error; err != nil || messages != want {
		t.Errorf("%d messages, want %d, %v", messages, want, err)
	}
}

func TestACallerThatForgotAStepGoesOnBehindIt(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		caseID := opened(t, s, "key-1", asked("b1"), state(), start)
		steps := []struct {
			name    string
			step    domain.Step
			version int64
			code    string
		}{
			{"it records that the parcel was picked up", telling(t, 10, start, 2, "shipment.picked_up"), 2, ""},
			{"it crashes, and knows of the delivery when it comes back", telling(t, 12, start, 2, "shipment.delivered"), 3, ""},
			{"it goes on from there", telling(t, 14, start, 4, "goods.received", "goods.inspected"), 5, ""},
			{"it crashes, and comes to the same later", telling(t, 16, start.Add(time.Minute), 4, "goods.received", "goods.inspected"), 5, ""},
			{"it crashes, and a note came between", telling(t, 18, start, 4, "case.note_added", "goods.received", "goods.inspected"), 6, ""},
			{"the attempt before wakes up", telling(t, 16, start, 6, "refund.submitted"), 0, domain.CodeStepStale},
			{"and repeats what it told", telling(t, 16, start, 4, "goods.received"), 4, ""},
		}
		for _, st := range steps {
			recorded, err := s.RecordStep(t.Context(), merchant, caseID, st.step)
			if st.code != "" {
				refused(t, err, st.code)
				continue
			}
			if err != nil || recorded.Version != st.version {
				t.Errorf("%s: %+v, %v, want %d", st.name, recorded, err, st.version)
			}
		}
		wantMessages(t, db, 6)
		head, err := s.Case(t.Context(), merchant, caseID, "b1")
		if err != nil || head.Version != 6 || head.Deadline != start.Add(time.Hour).UnixMicro() {
			t.Errorf("%+v, %v", head, err)
		}
	})
}

func TestARepeatedStepHasTheDeadlinesOfItsLastAttempt(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		caseID := opened(t, s, "key-1", asked("b1"), state(), start)
		later := start.Add(time.Minute)
		for _, step := range []domain.Step{
			telling(t, 5, start, 2, "case.approved"), telling(t, 7, later, 2, "case.approved"), telling(t, 5, start, 2, "case.approved"),
		} {
			if recorded, err := s.RecordStep(t.Context(), merchant, caseID, step); err != nil || recorded.Version != 2 {
				t.Fatalf("%+v, %v", recorded, err)
			}
		}
		head, err := s.Case(t.Context(), merchant, caseID, "")
		if err != nil || head.Deadline != later.Add(time.Hour).UnixMicro() {
			t.Errorf("%+v, %v", head, err)
		}
	})
}

// ending is the step that closes a case.
func ending(t *testing.T, fence int64, at time.Time, number int64) domain.Step {
	t.Helper()
	step, err := domain.NewStep([]domain.Entry{{
		Number: number, Type: "case.closed", At: at, Actor: domain.Actor{Role: domain.RoleSystem, ID: "workflow"}, Audience: domain.Everyone,
	}}, state(closed), fence)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func TestACallerThatForgotSeveralStepsTellsNoneOfThemTwice(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		caseID := opened(t, s, "key-1", asked("b1"), state(), start)
		later := start.Add(time.Minute)
		tell := func(step domain.Step, version int64) {
			t.Helper()
			if recorded, err := s.RecordStep(t.Context(), merchant, caseID, step); err != nil || recorded.Version != version {
				t.Fatalf("%+v, %v, want %d", recorded, err, version)
			}
		}
		shown := func(status string, deadline time.Time) {
			t.Helper()
			c, err := s.Case(t.Context(), merchant, caseID, "")
			if err != nil || c.Status != status || !deadline.IsZero() && c.Deadline != deadline.Add(time.Hour).UnixMicro() {
				t.Fatalf("%s until %d, %v; want %s until %s", c.Status, c.Deadline, err, status, deadline)
			}
		}
		tell(telling(t, 10, start, 2, "refund.submitted"), 2)
		tell(telling(t, 10, start, 3, "refund.succeeded"), 3)

		tell(telling(t, 12, later, 2, "refund.submitted"), 2)
		tell(telling(t, 12, later.Add(time.Minute), 3, "refund.succeeded"), 3)
		shown("open", later.Add(time.Minute))
		tell(telling(t, 12, later, 2, "refund.submitted"), 2) // its answer was lost, and it comes late
		shown("open", later.Add(time.Minute))

		tell(ending(t, 12, later, 4), 4)
		for _, fence := range []int64{12, 14} {
			tell(telling(t, fence, later, 2, "refund.submitted"), 2)
			tell(telling(t, fence, later, 3, "refund.succeeded"), 3)
			shown("closed", time.Time{})
			tell(ending(t, fence, later, 4), 4)
		}
		shown("closed", time.Time{})
		wantMessages(t, db, 4)

		tell(telling(t, 16, later, 2, "refund.submitted"), 2)
		_, err := s.RecordStep(t.Context(), merchant, caseID, telling(t, 16, later, 3, "refund.late"))
		refused(t, err, domain.CodeCaseClosed)
		tell(reopening(t, 3, 16, later), 5)
		tell(telling(t, 16, later, 6, "refund.late"), 6)
		tell(ending(t, 16, later, 7), 7)
		shown("closed", time.Time{})
	})
}

func TestAStepOfACaseThatTheProcessKnowsTakesThreeStatements(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		caseID := apply(t, s, "key-1", asked("b1"))
		statements := databasetest.Statements(t, db)
		agent := domain.Actor{Role: "agent", ID: "a1"}
		for number := int64(1); number < 6; number += 2 {
			step, err := domain.NewStep([]domain.Entry{
				{Number: number, Type: "case.approved", At: start, Actor: agent, Audience: domain.Everyone},
				{Number: number + 1, Type: "case.note_added", At: start, Actor: agent, Audience: domain.Staff},
			}, state(), number)
			if err != nil {
				t.Fatal(err)
			}
			record(t, s, caseID, step)
			if took := statements(); len(took) != 3 {
				t.Errorf("%d statements: %v", len(took), took)
			}
		}
	})
}

func TestTheTimelineShowsBuyersWhatIsForThem(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		caseID := opened(t, s, "key-1", asked("b1"), state(), start)
		author := domain.Actor{Role: "agent", ID: "a1"}
		noteID, err := s.StoreNote(t.Context(), merchant, caseID, "note-key", domain.Note{Author: author, Text: "please add a photo"})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s.StoreNote(t.Context(), merchant, caseID, "note-key", domain.Note{Author: author, Text: "please add a photo"}); err != nil || again != noteID {
			t.Errorf("the same note is %s, %v", again, err)
		}
		_, err = s.StoreNote(t.Context(), merchant, caseID, "note-key", domain.Note{Author: author, Text: "other"})
		refused(t, err, domain.CodeIdempotencyKeyReused)
		_, err = s.StoreNote(t.Context(), "m2", caseID, "note-key", domain.Note{Author: author})
		refused(t, err, domain.CodeCaseNotFound)

		entries := []domain.Entry{
			{Number: 2, Type: "case.note_added", At: start, Actor: author, Audience: domain.Staff},
			{Number: 3, Type: "case.info_requested", At: start.Add(time.Microsecond), Actor: author, Audience: domain.Everyone, NoteID: noteID},
		}
		step, err := domain.NewStep(entries, state(), 0)
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, caseID, step)
		read := func(after, upTo int64, staff bool) []int64 {
			found, err := s.Entries(t.Context(), merchant, caseID, "", after, upTo, staff, 10)
			if err != nil {
				t.Fatal(err)
			}
			numbers := make([]int64, 0, len(found))
			for _, e := range found {
				numbers = append(numbers, e.Number)
				if e.Number == 3 && (e.Note == nil || e.Note.Text != "please add a photo" || !e.At.Equal(entries[1].At)) {
					t.Errorf("%+v", e)
				}
				if e.Number == 1 && !reflect.DeepEqual(e.Data["amount"], map[string]any{"amount": float64(1999), "currency": "CNY"}) {
					t.Errorf("data %v", e.Data)
				}
			}
			return numbers
		}
		for _, c := range []struct {
			got, want []int64
		}{
			{read(0, 3, true), []int64{1, 2, 3}},
			{read(0, 3, false), []int64{1, 3}},
			{read(2, 3, true), []int64{3}},
			{read(0, 2, true), []int64{1, 2}},
			{read(3, 3, true), []int64{}},
		} {
			if !slices.Equal(c.got, c.want) {
				t.Errorf("got %v, want %v", c.got, c.want)
			}
		}
	})
}
