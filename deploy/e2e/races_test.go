package e2e

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
	order "aftercare.dev/services/order/api"
)

// together asks at once, once for each asker.
func together(n int, ask func(int) answer) []answer {
	answers := make([]answer, n)
	begin := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-begin
			answers[i] = ask(i)
		})
	}
	close(begin)
	group.Wait()
	return answers
}

// at is ask for goroutines: what cannot be asked is an answer without a status.
func (p *person) at(path string, body any, headers ...string) answer {
	a, err := p.try(http.MethodPost, path, body, headers...)
	if err != nil {
		p.t.Error(err)
		return answer{t: p.t}
	}
	return a
}

func TestTheSameRequestTwentyTimesAtOnceIsOneCase(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1")
	once := key()
	answers := together(20, func(int) answer { return s.storefront.at("/v1/cases", application(o), once...) })
	id := into[cases.Case](answers[0]).CaseID
	for _, a := range answers {
		require.Equalf(t, http.StatusCreated, a.status, "%s", a.body)
		require.JSONEq(t, string(answers[0].body), string(a.body))
		require.Equal(t, "/v1/cases/"+id, a.header.Get("Location"))
	}
	require.Len(t, into[cases.CasePage](s.storefront.get("/v1/cases?order_id="+o)).Items, 1)
	require.Equal(t, int64(1), s.order(o).Lines[0].ReservedQuantity)

	other := application(o)
	other["lines"] = []map[string]any{{"line_id": scarf, "quantity": 1}}
	s.storefront.post("/v1/cases", other, once...).is(422, "idempotency_key_reused")
	require.Zero(t, s.order(o).Lines[1].ReservedQuantity)
}

func TestTheLastUnitGoesToOneOfEight(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1")
	last := application(o)
	last["lines"] = []map[string]any{{"line_id": scarf, "quantity": 1}}
	answers := together(8, func(int) answer { return s.storefront.at("/v1/cases", last, key()...) })
	won := 0
	for _, a := range answers {
		if a.status == http.StatusCreated {
			won++
			continue
		}
		a.is(409, "units_not_available")
	}
	require.Equal(t, 1, won)
	require.Equal(t, int64(1), s.order(o).Lines[1].ReservedQuantity)
	eventually(t, "one case is open", func() bool {
		return len(into[cases.CasePage](s.storefront.get("/v1/cases?status=open&order_id="+o)).Items) == 1
	})
}

func TestOfTwoReviewersOneDecides(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	for range 4 {
		c := s.file(judged(s.sell("b1", once)))
		answers := together(2, func(i int) answer {
			if i == 0 {
				return s.agent.at("/v1/cases/"+c.CaseID+"/approve", map[string]any{})
			}
			return s.agent.at("/v1/cases/"+c.CaseID+"/reject", map[string]any{"reason": "used"})
		})
		winner, loser := answers[0], answers[1]
		if loser.status == http.StatusOK {
			winner, loser = loser, winner
		}
		winner.fine()
		refused := loser.is(409, "action_not_allowed")
		require.NotEmpty(t, refused.Meta["allowed"])
		decided := 0
		for _, e := range s.timeline(c.CaseID) {
			if e.Type == "case.approved" || e.Type == "case.rejected" {
				decided++
			}
		}
		require.Equal(t, 1, decided)
	}
}

func TestAWithdrawalAndAVerdictAtOnceHaveOneWinner(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.file(application(o))
	s.handIn(c.CaseID)
	answers := together(2, func(i int) answer {
		if i == 0 {
			return s.storefront.at("/v1/cases/"+c.CaseID+"/withdraw", map[string]any{})
		}
		return s.warehouse.at("/v1/cases/"+c.CaseID+"/inspect", intact())
	})
	if answers[0].status == http.StatusOK {
		answers[1].is(409, "action_not_allowed")
		s.reaches(c.CaseID, cases.StageSendingBack)
		s.paid(o, 0, 0)
		return
	}
	answers[0].is(409, "action_not_allowed")
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(o, worth, 1)
}

func TestManyCasesOfOneOrderNeverRefundMoreThanWasPaid(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", uninsured, func(in *order.OrderInput) { in.Lines[0].Quantity, in.Lines[0].Amount = 6, cny(2*worth) })
	for range 6 {
		c := s.file(application(o))
		s.handIn(c.CaseID)
		does(s.warehouse, c.CaseID, "inspect", intact())
		s.ends(c.CaseID, cases.OutcomeRefunded)
	}
	sum, _ := s.h.money(t, s.order(o))
	require.Equal(t, int64(2*worth), sum)
	s.storefront.post("/v1/cases", application(o), key()...).is(409, "units_not_available")
}
