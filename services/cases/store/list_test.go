package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/problem"
)

// names lists page by page and says which cases came, by the names in byID.
func names(t *testing.T, s *store.Store, q store.Query, byID map[string]string) []string {
	t.Helper()
	found := []string{}
	for pages := 0; ; pages++ {
		if pages > 20 {
			t.Fatal("the pages do not end")
		}
		page, next, err := s.List(t.Context(), merchant, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > q.Limit {
			t.Fatalf("a page of %d, at most %d", len(page), q.Limit)
		}
		for _, c := range page {
			found = append(found, byID[c.CaseID])
		}
		if next == "" {
			return found
		}
		q.Cursor = next
	}
}

func TestCasesAreFoundByEachFilterInOrderAndPageByPage(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		byID := map[string]string{}
		add := func(name, buyer string, hours int, change ...func(*domain.State)) string {
			id := opened(t, s, "key-"+name, asked(buyer), state(change...), start.Add(time.Duration(hours)*time.Hour))
			byID[id] = name
			return id
		}
		due := func(hours int) func(*domain.State) {
			return func(st *domain.State) { st.Deadline = start.Add(time.Duration(hours) * time.Hour) }
		}
		first := add("a", "b1", 0, due(9))
		add("b", "b1", 1, due(3), func(st *domain.State) { st.Awaiting = domain.RolesOf("buyer", "agent", "carrier") })
		add("c", "b2", 2, func(st *domain.State) {
			st.Deadline, st.Awaiting, st.NeedsAttention, st.Stage = time.Time{}, domain.RolesOf("operator"), true, "investigating"
		})
		add("d", "b2", 3, closed)
		add("e", "b3", 3, due(5), func(st *domain.State) { st.TrackingNumber = "SF10086" })
		yes, no := true, false
		for _, c := range []struct {
			name string
			q    store.Query
			want []string
		}{
			{"newest first", store.Query{}, []string{"e", "d", "c", "b", "a"}},
			{"of a buyer", store.Query{BuyerID: "b1"}, []string{"b", "a"}},
			{"of an order", store.Query{OrderID: "o-b2"}, []string{"d", "c"}},
			{"open", store.Query{Status: "open"}, []string{"e", "c", "b", "a"}},
			{"by stage", store.Query{Stage: "investigating"}, []string{"c"}},
			{"by outcome", store.Query{Outcome: "refunded"}, []string{"d"}},
			{"awaiting the buyer", store.Query{Awaiting: domain.RolesOf("buyer")}, []string{"b"}},
			{"awaiting an agent", store.Query{Awaiting: domain.RolesOf("agent")}, []string{"e", "b", "a"}},
			{"needing attention", store.Query{NeedsAttention: &yes}, []string{"c"}},
			{"not needing attention", store.Query{NeedsAttention: &no}, []string{"e", "d", "b", "a"}},
			{"opened in a span", store.Query{OpenedFrom: start.Add(time.Hour), OpenedBefore: start.Add(3 * time.Hour)}, []string{"c", "b"}},
			{"by deadline, none last", store.Query{ByDeadline: true, Status: "open"}, []string{"b", "e", "a", "c"}},
			{"by deadline, awaiting", store.Query{ByDeadline: true, Awaiting: domain.RolesOf("agent")}, []string{"b", "e", "a"}},
			{"by case id", store.Query{Prefix: first}, []string{"a"}},
			{"by the beginning of an order id", store.Query{Prefix: "o-b2"}, []string{"d", "c"}},
			{"by the beginning of a tracking number", store.Query{Prefix: "SF1008"}, []string{"e"}},
			{"by what begins nothing", store.Query{Prefix: "F1"}, []string{}},
			{"wildcards mean themselves", store.Query{Prefix: "SF%"}, []string{}},
			{"small letters are not capitals", store.Query{Prefix: "sf"}, []string{}},
			{"several at once", store.Query{Prefix: "o-b", Status: "open", BuyerID: "b1", Awaiting: domain.RolesOf("agent")}, []string{"b", "a"}},
		} {
			for _, limit := range []int{2, 50} {
				c.q.Limit = limit
				got := names(t, s, c.q, byID)
				// d and e were opened at one moment, and their ids, minted in order, decide.
				if !slices.Equal(got, c.want) {
					t.Errorf("%s, %d a page: %v, want %v", c.name, limit, got, c.want)
				}
			}
		}
		page, _, err := s.List(t.Context(), "m2", store.Query{Limit: 10})
		if err != nil || len(page) != 0 {
			t.Errorf("another merchant sees %d cases, %v", len(page), err)
		}
	})
}

func TestPagesOfCasesWithoutADeadlineFollowOneAnother(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		byID, ids := map[string]string{}, []string{}
		for i := range 7 {
			id := opened(t, s, fmt.Sprint("key-", i), asked("b1"), state(func(st *domain.State) {
				st.Deadline = time.Time{}
				// Some await agents alone, some others too: two queues are one list.
				if i%2 == 0 {
					st.Awaiting = domain.RolesOf("agent", "operator")
				}
			}), start.Add(time.Duration(i)*time.Minute))
			byID[id] = id
			ids = append(ids, id)
		}
		for _, q := range []store.Query{{}, {Status: "open"}, {Awaiting: domain.RolesOf("agent")}} {
			q.ByDeadline, q.Limit = true, 2
			if got := names(t, s, q, byID); !slices.Equal(got, ids) {
				t.Errorf("by deadline %v, want %v", got, ids)
			}
		}
		slices.Reverse(ids)
		if got := names(t, s, store.Query{Awaiting: domain.RolesOf("agent"), Limit: 2}, byID); !slices.Equal(got, ids) {
			t.Errorf("newest %v, want %v", got, ids)
		}
	})
}

func TestACursorOfAnotherListIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		for i := range 3 {
			opened(t, s, fmt.Sprint("key-", i), asked("b1"), state(), start)
		}
		_, next, err := s.List(t.Context(), merchant, store.Query{Limit: 1})
		if err != nil || next == "" {
			t.Fatal(next, err)
		}
		for _, cursor := range []string{next, "???", "bm9uc2Vuc2U"} {
			_, _, err := s.List(t.Context(), merchant, store.Query{Limit: 1, Cursor: cursor, ByDeadline: true})
			refused(t, err, problem.CodeInvalid)
		}
	})
}

func TestAStepThatClosesACaseTakesItOutOfTheQueues(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		id := opened(t, s, "key-1", asked("b1"), state(), start)
		queue := store.Query{Awaiting: domain.RolesOf("agent"), ByDeadline: true, Limit: 10}
		if got := names(t, s, queue, map[string]string{id: "it"}); len(got) != 1 {
			t.Fatalf("queue %v", got)
		}
		record(t, s, id, stepOf(t, state(closed), start, 2))
		if got := names(t, s, queue, map[string]string{id: "it"}); len(got) != 0 {
			t.Errorf("queue %v", got)
		}
	})
}
