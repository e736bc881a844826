package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"aftercare.dev/deploy/split"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/ids"
)

func TestProcessesAreReplacedUnderLoadWithoutARequestFailedOrAnActivityCut(t *testing.T) {
	a := startApart(t, split.Options{TimeScale: quickly, Instances: 2, DrainDelay: 2 * time.Second})
	s := newShop(t, a.house)
	load := begin(s, 10)
	load.atWork()

	// A platform replaces all deployments side by side, one instance of each at a time.
	for _, wave := range []string{"-1", "-2"} {
		var replaced errgroup.Group
		for _, p := range a.named(wave) {
			replaced.Go(func() error {
				ctx, stop := patiently()
				defer stop()
				if err := p.Stop(ctx); err != nil {
					return err
				}
				return p.Restart(ctx)
			})
		}
		require.NoError(t, replaced.Wait())
		load.atWork()
	}
	load.end()

	require.Empty(t, load.wrong, "of %d requests", load.requests)
	filed := make([]string, 0, len(load.cases))
	for _, c := range load.cases {
		filed = append(filed, c.CaseID)
	}
	s.finishAll(filed)
	for _, c := range load.cases {
		s.ends(c.CaseID, cases.OutcomeRefunded)
		s.paid(c.OrderID, worth, 1)
	}
	require.Empty(t, into[cases.CasePage](s.storefront.get("/v1/cases?status=open")).Items)
	for _, event := range events(t, a.house, "") {
		require.False(t, misfits(event), "%v", event)
		switch event.GetEventType() {
		case enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT, enums.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
			require.Fail(t, "a task was cut", "%v", event)
		case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			require.Equal(t, int32(1), event.GetActivityTaskStartedEventAttributes().GetAttempt(), "an activity failed: %v", event)
		case enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
			// A worker that is gone leaves tasks on its own queue, from where they go to another one; none that it had begun.
			require.NotEqual(t, enums.TIMEOUT_TYPE_START_TO_CLOSE, event.GetWorkflowTaskTimedOutEventAttributes().GetTimeoutType(), "a task was cut: %v", event)
		default:
		}
	}
}

// load is the storefronts and the staff of a shop at their daily work.
type load struct {
	s       *shop
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	requests int
	cases    []cases.Case
	// wrong are the requests that were not answered as they should be.
	wrong []string
}

// begin has so many clients at work until end is called. Each takes a case from its filing to the warehouse's verdict,
// and asks for lists and timelines on the way.
func begin(s *shop, clients int) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{s: s, stop: stop}
	for n := range clients {
		l.running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				l.one(ctx, fmt.Sprintf("buyer-%d-%d", n, i))
			}
		})
	}
	return l
}

// end lets everybody finish what they do.
func (l *load) end() {
	l.stop()
	l.running.Wait()
}

// atWork waits until some more cases were worked on.
func (l *load) atWork() {
	l.s.t.Helper()
	count := func() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.cases) }
	before := count()
	eventually(l.s.t, "the load goes on", func() bool { return count() >= before+5 })
}

// ask asks, and notes an answer that is none of the expected. Nothing is asked twice.
func (l *load) ask(who *person, method, path string, body any, expected ...int) (answer, bool) {
	headers := []string{}
	if path == "/v1/cases" && method == http.MethodPost {
		headers = key()
	}
	begun := time.Now()
	a, err := who.try(method, path, body, headers...)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	for _, status := range expected {
		if err == nil && a.status == status {
			return a, true
		}
	}
	l.wrong = append(l.wrong, fmt.Sprintf("%s %s %s took %s: %d %s %v", time.Now().Format("15:04:05.000"), method, path, time.Since(begun), a.status, a.body, err))
	return a, false
}

// one is the life of one case. It is left to others once an answer says that its effect is still to come.
func (l *load) one(ctx context.Context, buyer string) {
	s, id := l.s, ids.New("o")
	in := input(buyer)
	uninsured(&in)
	once(&in)
	if _, ok := l.ask(s.storefront, http.MethodPut, "/v1/orders/"+id, in, http.StatusOK, http.StatusCreated); !ok {
		return
	}
	// 202 says that it is durable and was not judged in time, on a machine that is busy.
	filed, ok := l.ask(s.storefront, http.MethodPost, "/v1/cases", judged(id), http.StatusCreated, http.StatusAccepted)
	if !ok {
		return
	}
	c := into[cases.Case](filed)
	c.OrderID = id
	l.mu.Lock()
	l.cases = append(l.cases, c)
	l.mu.Unlock()
	at := "/v1/cases/" + c.CaseID
	for _, step := range []struct {
		who          *person
		method, path string
		body         any
	}{
		{s.storefront, http.MethodGet, at, nil},
		{s.agent, http.MethodPost, at + "/approve", map[string]any{}},
		{s.operator, http.MethodGet, at + "/timeline", nil},
		{s.storefront, http.MethodPost, at + "/ship", selfShip()},
		{s.agent, http.MethodGet, "/v1/cases?status=open", nil},
		{s.warehouse, http.MethodPost, at + "/receive", map[string]any{}},
		{s.storefront, http.MethodGet, at, nil},
		{s.warehouse, http.MethodPost, at + "/inspect", intact()},
		{s.finance, http.MethodGet, "/v1/refunds?case_id=" + c.CaseID, nil},
	} {
		if filed.status == http.StatusAccepted {
			return
		}
		if filed, ok = l.ask(step.who, step.method, step.path, step.body, http.StatusOK, http.StatusAccepted); !ok {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// misfits tells whether a workflow task failed, as it does when code does not fit a history. That news came in while a
// workflow was about to close is none: it takes them in first.
func misfits(event *historypb.HistoryEvent) bool {
	return event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_FAILED &&
		event.GetWorkflowTaskFailedEventAttributes().GetCause() != enums.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
}

// events are those of all workflows that a query finds.
func events(t testing.TB, h *house, query string) []*historypb.HistoryEvent {
	t.Helper()
	ctx := context.Background()
	c := h.dial(t)
	var all []*historypb.HistoryEvent
	listed, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, PageSize: 1000, Query: query})
	require.NoError(t, err)
	for _, run := range listed.GetExecutions() {
		found := c.GetWorkflowHistory(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for found.HasNext() {
			event, err := found.Next()
			require.NoError(t, err)
			all = append(all, event)
		}
	}
	return all
}
