package e2e

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"aftercare.dev/deploy/load"
	"aftercare.dev/deploy/split"
	cases "aftercare.dev/services/cases/api"
)

func TestProcessesAreReplacedUnderLoadWithoutARequestFailedOrAnActivityCut(t *testing.T) {
	a := startApart(t, split.Options{TimeScale: quickly, Instances: 2, DrainDelay: 2 * time.Second})
	s := newShop(t, a.house)
	shoppers := shopping(s, 8)
	shoppers.atWork()

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
		shoppers.atWork()
	}
	account, err := load.Audit(t.Context(), shoppers.end(), a.house.sandbox)
	require.NoError(t, err)
	require.NoError(t, account.Check())
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

// crowd is the shoppers of a shop and its staff, at work until end is called.
type crowd struct {
	t      testing.TB
	closed atomic.Int64
	stop   context.CancelFunc
	report chan load.Report
}

func shopping(s *shop, shoppers int) *crowd {
	ctx, stop := context.WithCancel(context.Background())
	c := &crowd{t: s.t, stop: stop, report: make(chan load.Report, 1)}
	go func() {
		report, err := load.Run(ctx, load.Options{
			URL: s.h.url, Keys: s.h.keys, Merchant: s.merchant, Shoppers: shoppers, Patience: patience,
			Closed: func(cases.Case) { c.closed.Add(1) },
		})
		if err != nil {
			report.Lost = append(report.Lost, err.Error())
		}
		c.report <- report
	}()
	return c
}

// atWork waits until some more cases were closed.
func (c *crowd) atWork() {
	c.t.Helper()
	before := c.closed.Load()
	eventually(c.t, "the load goes on", func() bool { return c.closed.Load() >= before+5 })
}

// end lets everybody finish what they do.
func (c *crowd) end() load.Report {
	c.stop()
	return <-c.report
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
