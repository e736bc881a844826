package twin

import (
	"context"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Send sends one update of a case and waits for its answer.
func (d *Driver) Send(ctx context.Context, id string, number int) error {
	return d.update(ctx, d.WorkflowID(id), number)
}

// Replay runs a workflow of the shape by a history.
func (s *Shape) Replay(h History) error {
	replayer := worker.NewWorkflowReplayer()
	s.register(replayer)
	return replayer.ReplayWorkflowHistoryWithOptions(nil, &historypb.History{Events: h.Events}, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: h.WorkflowID},
	})
}
