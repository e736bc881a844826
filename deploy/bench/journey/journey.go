// Package journey plays whole cases through the public API, from the order to the closed case, and measures every request on
// the way. Each case has an order of its own, paid in one payment.
//
// Nothing moves a case but its journey. The carrier tells nothing of parcels that the buyer sends; of those that a courier
// picks up it tells what the journey steers. Refunds are paid, and claims settled, after the provider's own time: five minutes
// and a day of the sandbox, so that its time scale says how long the journey idles there.
//
// The answer of an action has the case as it is then, and no step reads a case whose answer has said enough. The end is told
// by the event stream of the case, from where the last answer was. A poll with a growing pause takes one or two reads, and a
// case costs the processor the same either way; but a poll adds its pause to what a case took. Other waits, which are rare,
// read the case after a pause that grows.
package journey

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/deploy/client"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/ids"
)

// patience is how long a case may stand still, which is longer than anything takes that the sandbox does.
const patience = 2 * time.Minute

// Shop is a merchant with its people. It is safe for concurrent use.
type Shop struct {
	// Merchant is the tenant, which nobody else uses.
	Merchant string

	people map[string]client.Person
	// watchers take turns, because a subject may have some streams only.
	watchers   []*client.Client
	turn       atomic.Uint64
	outside    outside
	operations Operations
	stock      stock
}

// watched is how many subjects watch cases: at 20 streams each, the limit as shipped, 1280 cases at once.
const watched = 64

// roles are those who act in the journeys.
var roles = []string{"storefront", "agent", "warehouse", "finance", "operator", "administrator"}

// Open makes a new merchant, gives it an address that goods come back to, and has the carrier of a sandbox keep quiet about
// parcels that buyers send, for all merchants. Requests are not repeated: the case ends with the first that fails.
func Open(ctx context.Context, door client.Door, sandboxURL string) (*Shop, error) {
	s := &Shop{Merchant: "bench-" + strings.ToLower(ids.New("m")[2:]), people: map[string]client.Person{}}
	door.Transport = cmp.Or[http.RoundTripper](door.Transport, httpclient.NewTransport())
	for _, role := range roles {
		someone, err := door.Person(s.Merchant, role, role+"-1", 0)
		if err != nil {
			return nil, err
		}
		s.people[role] = someone
	}
	for n := range watched {
		watcher, err := door.As(s.Merchant, "storefront", fmt.Sprintf("watcher-%d", n))
		if err != nil {
			return nil, err
		}
		s.watchers = append(s.watchers, watcher)
	}
	s.outside = outside{control: s.people["administrator"].At(sandboxURL + "/control")}
	err := s.people["administrator"].Ask(ctx, http.MethodPut, "/v1/return-address", "", map[string]any{
		"name": "Warehouse", "phone": "0571-88886666", "province": "Zhejiang", "city": "Hangzhou", "street": "Cangqian 1",
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("set the return address: %w", err)
	}
	return s, s.outside.hush(ctx)
}

// Case plays one whole case with its order and returns its id when the case is closed. The error says where it stood if it
// did not end as its kind does; the id is returned as soon as there is one.
func (s *Shop) Case(ctx context.Context, k Kind) (caseID string, err error) {
	v := &visit{Shop: s, kind: k, orderID: ids.New("o")}
	if err := v.travel(ctx); err != nil {
		return v.found.CaseID, fmt.Errorf("%s, order %s, case %q in stage %q: %w", k.Name, v.orderID, v.found.CaseID, v.found.Stage, err)
	}
	return v.found.CaseID, nil
}

// Latency has every answer of every provider come later by so many milliseconds, for all merchants of the sandbox; 0 ends
// that. Callbacks leave when they would.
func (s *Shop) Latency(ctx context.Context, ms int) error { return s.outside.delay(ctx, ms) }

// watcher is whose turn it is to watch a case.
func (s *Shop) watcher() *client.Client { return s.watchers[s.turn.Add(1)%watched] }

// Operations are the requests of all cases so far.
func (s *Shop) Operations() *Operations { return &s.operations }

// Operations are how long requests took, by operationId; of streamEvents how long it took to open. It is safe for concurrent use. In JSON it is an object of
// summaries.
type Operations struct {
	mu     sync.Mutex
	took   map[string]measure.Latencies
	failed map[string]int
}

// add keeps a request. One that failed is only counted.
func (o *Operations) add(operation string, took time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.took == nil {
		o.took, o.failed = map[string]measure.Latencies{}, map[string]int{}
	}
	if err != nil {
		o.failed[operation]++
		return
	}
	all := o.took[operation]
	all.Add(took)
	o.took[operation] = all
}

// Latencies are those of the requests that were answered as they should be, by operationId.
func (o *Operations) Latencies() map[string]measure.Latencies {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.took)
}

// Failed counts the requests that were refused or not answered, by operationId.
func (o *Operations) Failed() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.failed)
}

// Reset forgets the requests so far, such as those of a warm-up.
func (o *Operations) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.took, o.failed = nil, nil
}

// MarshalJSON implements [json.Marshaler].
func (o *Operations) MarshalJSON() ([]byte, error) { return json.Marshal(o.Latencies()) }
