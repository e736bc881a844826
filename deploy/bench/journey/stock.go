package journey

import (
	"context"
	"fmt"
	"sync"

	"aftercare.dev/deploy/client"
	"aftercare.dev/services/platform/ids"
)

// buyers is how many orders are put at once.
const buyers = 8

// stock are orders that no case has been opened for.
type stock struct {
	mu     sync.Mutex
	orders []string
}

func (s *stock) take() (orderID string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.orders) == 0 {
		return "", false
	}
	orderID = s.orders[len(s.orders)-1]
	s.orders = s.orders[:len(s.orders)-1]
	return orderID, true
}

// Stock puts orders until so many wait for a case: what a case costs is then measured without its order, which the shop has long
// before. Cases that find none put their own.
func (s *Shop) Stock(ctx context.Context, number int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var buying sync.WaitGroup
	s.stock.mu.Lock()
	missing := make(chan struct{}, max(0, number-len(s.stock.orders)))
	s.stock.mu.Unlock()
	for range cap(missing) {
		missing <- struct{}{}
	}
	close(missing)
	for range buyers {
		buying.Go(func() {
			for range missing {
				v := &visit{Shop: s, kind: Plain(), orderID: ids.New("o")}
				if ctx.Err() != nil {
					return
				}
				// Nobody measures it: what comes faster than the gateway allows comes again.
				if err := client.Persist(ctx, patience, func() error { return v.buy(ctx) }); err != nil {
					stop(fmt.Errorf("buy: %w", err))
					return
				}
				s.stock.mu.Lock()
				s.stock.orders = append(s.stock.orders, v.orderID)
				s.stock.mu.Unlock()
			}
		})
	}
	buying.Wait()
	return context.Cause(ctx)
}
