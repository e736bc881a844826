// Package lab is what the providers' tests have in common: a clock that stands
// still, rules, and a product that receives callbacks.
package lab

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/schedule"
)

// Lab is one test's outside of the outside world.
type Lab struct {
	Dir       string
	Clock     *schedule.Scheduler
	Faults    *fault.Set
	Callbacks *callback.Dispatcher
	Logger    *slog.Logger
	Product   *Product
}

// New returns a lab that ends with the test.
func New(t *testing.T) *Lab {
	t.Helper()
	l := &Lab{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Product: newProduct(t)}
	l.Clock = schedule.NewManual(time.Now().Truncate(time.Second), 1)
	faults, err := fault.Open(filepath.Join(l.Dir, "control.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = faults.Close() })
	l.Faults = faults
	l.Callbacks = callback.NewDispatcher(t.Context(), l.Clock, faults, l.Logger)
	return l
}

// Restart forgets all pending work, as kill -9 does, and lets a downtime pass.
func (l *Lab) Restart(t *testing.T, downtime time.Duration) {
	t.Helper()
	l.Clock = schedule.NewManual(l.Clock.Now().Add(downtime), l.Clock.Scale())
	l.Callbacks = callback.NewDispatcher(t.Context(), l.Clock, l.Faults, l.Logger)
}

// Rule puts a rule in force.
func (l *Lab) Rule(t *testing.T, r fault.Rule) {
	t.Helper()
	if _, err := l.Faults.Add(r); err != nil {
		t.Fatal(err)
	}
}

// Received is a callback that arrived.
type Received struct {
	Path   string
	Header http.Header
	Query  map[string][]string
	Body   []byte
}

// Product receives callbacks and answers 200 with Answer, until told otherwise.
type Product struct {
	URL string

	mu     sync.Mutex
	got    []Received
	status int
	answer string
}

func newProduct(t *testing.T) *Product {
	p := &Product{status: http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.got = append(p.got, Received{r.URL.Path, r.Header, r.URL.Query(), body})
		status, answer := p.status, p.answer
		p.mu.Unlock()
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Answers sets what the product answers from now on.
func (p *Product) Answers(status int, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.answer = status, body
}

// Take returns what arrived since the last Take.
func (p *Product) Take() []Received {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}
