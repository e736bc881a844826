// Package counts has numbers of what a case costs that do not depend on the machine: SQL statements of each service, and the
// Temporal actions, events, bytes and state transitions of its workflows. The product runs in this process, so that every
// statement can be seen as a span. CI holds the numbers against a table, see the test of this package.
package counts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	temporal "go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/standalone"
)

// House is the product in this process with every statement watched. It counts one case at a time: what happens between
// the opening of a case and the rest after its end is the case's, save what [House.Count] leaves out.
type House struct {
	// Door is the public API, and SandboxURL where the world outside is.
	Door       client.Door
	SandboxURL string

	system   *standalone.System
	temporal temporal.Client
	watch    *watch
	idle     idle
}

const (
	// namespace is where the workflows are.
	namespace = "aftercare"
	// outside is how many seconds pass for couriers in one.
	outside = 20_000
	// later is how many milliseconds after a payment its news leaves: what was told by then does not meet it. Outside it is
	// minutes.
	later = 150
	// idling is how long an idle house is watched: the slowest of those who look for work does so every five seconds, save
	// the ledger's, which looks at the start, too.
	idling = 6 * time.Second
	// rest is how long nothing happens in a house before a case is over with all that follows from it. Messages are sent
	// at once.
	rest = 500 * time.Millisecond
)

// Open starts a house in a folder, on free ports, and watches it idle for some seconds. Until it is closed the spans of the
// whole process go to it: there can be one at a time, and nobody else's spans are exported.
func Open(ctx context.Context, dir string) (*House, error) {
	const free = "127.0.0.1:0"
	h := &House{watch: newWatch()}
	var err error
	h.system, err = standalone.Start(ctx, standalone.Config{
		Dir: dir, GatewayAddr: free, TemporalAddr: free, UIAddr: free, SandboxAddr: free, MailAddr: free, TimeScale: outside,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		h.Close()
		return nil, err
	}
	h.Door, h.SandboxURL = client.Door{URL: h.system.GatewayURL, Keys: h.system.Keys}, h.system.SandboxURL
	h.temporal, err = temporal.DialContext(ctx, temporal.Options{
		HostPort: h.system.Temporal, Namespace: namespace,
		Logger: temporallog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("connect to the Temporal server: %w", err)
	}
	if err := h.settle(ctx); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// settle has the world outside be slow enough, and learns what the house does by itself.
func (h *House) settle(ctx context.Context) error {
	someone, err := h.Door.Person("counts", "administrator", "administrator-1", idling)
	if err != nil {
		return err
	}
	late := fault.Rule{ID: "counts", System: "payment", Operation: "callback", Effect: fault.Delay, MS: later, Times: -1}
	if err := someone.At(h.SandboxURL+"/control").Ask(ctx, http.MethodPost, "/rules", "", late, nil); err != nil {
		return fmt.Errorf("tell the sandbox about payments: %w", err)
	}
	if err := pause(ctx, idling); err != nil {
		return err
	}
	h.idle = idleFrom(h.watch.take(), idling)
	return nil
}

// Close ends the house and gives the spans back to whom they belonged.
func (h *House) Close() {
	if h.temporal != nil {
		h.temporal.Close()
	}
	if h.system != nil {
		h.system.Stop()
	}
	h.watch.close()
}

// Count has a case of a merchant played from its order to its end, such as by a journey, waits until nothing follows any
// more, and counts it from its opening on. Not counted are the order itself and its insurance, which are there also if nothing is returned, and reads
// of the case through the public API: those who play it wait by them. What the relays ask their databases to learn whether
// there is work is in Looks, because how often they ask depends on the moment.
func (h *House) Count(ctx context.Context, merchantID string, play func(context.Context) (caseID string, err error)) (Cost, error) {
	if err := h.rests(ctx); err != nil {
		return Cost{}, err
	}
	h.watch.take()
	caseID, err := play(ctx)
	if err != nil {
		return Cost{}, err
	}
	if err := h.rests(ctx); err != nil {
		return Cost{}, err
	}
	cost := costOf(h.watch.take(), h.idle)
	if len(cost.List) == 0 {
		return Cost{}, errors.New("no statement was seen: the opening of the case, or the text of statements, is not in the spans")
	}
	if err := h.count(ctx, &cost, merchantID, caseID); err != nil {
		return Cost{}, err
	}
	return cost, nil
}

// rests waits until for a moment no statement but those of an idle house was made.
func (h *House) rests(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	for {
		since := time.Since(h.watch.busy(h.idle))
		if since >= rest {
			return nil
		}
		if err := pause(ctx, rest-since); err != nil {
			return fmt.Errorf("the house does not come to rest: %w", err)
		}
	}
}

func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}
