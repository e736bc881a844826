package e2e

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
)

// flood asks more than a buyer may, with more requests at once than there is room for, until it is stopped.
type flood struct {
	stop             chan struct{}
	asking           sync.WaitGroup
	answered, turned atomic.Int64
}

func (p *person) floods(requests int) *flood {
	f := &flood{stop: make(chan struct{})}
	for range requests {
		f.asking.Go(func() {
			for {
				select {
				case <-f.stop:
					return
				default:
				}
				a, err := p.try(http.MethodGet, "/v1/cases?limit=1", nil)
				switch {
				case err != nil:
					p.t.Error(err)
				case a.status == http.StatusTooManyRequests:
					f.turned.Add(1)
				case a.status == http.StatusOK:
					f.answered.Add(1)
				default:
					p.t.Errorf("the flood is answered %d %s", a.status, a.body)
				}
			}
		})
	}
	return f
}

func (f *flood) end() { close(f.stop); f.asking.Wait() }

// insists files until it is taken, and returns the case.
func (p *person) insists(application map[string]any, key []string) (id string, refused int) {
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		a := p.at("/v1/cases", application, key...)
		switch a.status {
		case http.StatusCreated:
			return into[cases.Case](a).CaseID, refused
		case http.StatusAccepted:
			return into[api.CaseRef](a).CaseID, refused
		case http.StatusTooManyRequests:
			refused++
			<-time.After(50 * time.Millisecond)
		default:
			p.t.Errorf("filing in the flood: %d %s", a.status, a.body)
			return "", refused
		}
	}
	p.t.Error("nothing was taken for two minutes")
	return "", refused
}

func TestInAFloodNothingThatWasTakenIsLost(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	buyer := s.buyer("b1")
	const filings = 10
	orders := make([]string, filings)
	for i := range orders {
		orders[i] = s.sell("b1")
	}
	f := buyer.floods(300)
	require.Eventually(t, func() bool { return f.turned.Load() > 100 }, time.Minute, 10*time.Millisecond, "nobody is turned away")

	ids := make([]string, filings)
	var filing sync.WaitGroup
	for i, o := range orders {
		once := key()
		filing.Go(func() { ids[i], _ = buyer.insists(application(o), once) })
	}
	// Who does not flood is served meanwhile.
	s.agent.get("/v1/cases?limit=1").fine()
	require.Eventually(t, func() bool { return f.turned.Load() > 500 }, time.Minute, 10*time.Millisecond)
	f.end()
	filing.Wait()

	require.Positive(t, f.answered.Load())
	require.Len(t, into[cases.CasePage](s.agent.get("/v1/cases")).Items, filings, "each filing is one case")
	for i, id := range ids {
		filed := s.reaches(id, cases.StageWaitingShipment)
		require.Equal(t, orders[i], filed.OrderID)
		require.Equal(t, int64(1), s.order(orders[i]).Lines[0].ReservedQuantity)
	}
}
