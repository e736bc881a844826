package twin

import (
	"context"
	"fmt"

	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
)

// History is what Temporal keeps of one workflow.
type History struct {
	WorkflowID string
	Type       string
	Events     []*historypb.HistoryEvent
	// Bytes and Transitions are as Temporal counts them.
	Bytes, Transitions int64
}

// Histories reads those of a case, which has ended: the parent first, then every workflow that it started, in the order in
// which they were started.
func Histories(ctx context.Context, c client.Client, workflowID string) ([]History, error) {
	return histories(ctx, c, workflowID, "")
}

func histories(ctx context.Context, c client.Client, workflowID, runID string) ([]History, error) {
	described, err := c.DescribeWorkflowExecution(ctx, workflowID, runID)
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", workflowID, err)
	}
	info := described.GetWorkflowExecutionInfo()
	h := History{
		WorkflowID: workflowID, Type: info.GetType().GetName(),
		Bytes: info.GetHistorySizeBytes(), Transitions: info.GetStateTransitionCount(),
	}
	events := c.GetWorkflowHistory(ctx, workflowID, info.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", workflowID, err)
		}
		h.Events = append(h.Events, event)
	}
	all := []History{h}
	for _, event := range h.Events {
		child := event.GetChildWorkflowExecutionStartedEventAttributes().GetWorkflowExecution()
		if child == nil {
			continue
		}
		below, err := histories(ctx, c, child.GetWorkflowId(), child.GetRunId())
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}
