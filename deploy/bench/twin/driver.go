package twin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// Driver plays the people of a case, and the gateway between them and Temporal. It is safe for concurrent use.
type Driver struct {
	client  client.Client
	shape   Shape
	options client.StartWorkflowOptions
}

// NewDriver makes the driver of a shape. Its client should be made like that of the gateway.
func NewDriver(c client.Client, shape Shape) (*Driver, error) {
	if len(shape.Updates) == 0 || len(shape.Steps) == 0 || len(shape.Steps[0].Wakes) == 0 || shape.Steps[0].Wakes[0].Kind != UpdateAccepted {
		return nil, errors.New("a case begins with an update that comes with its start; this shape does not: learn it from the workflow of a case")
	}
	set, err := updates(shape.Attributes)
	if err != nil {
		return nil, err
	}
	memo := make(map[string]any, len(shape.Memo))
	for name, size := range shape.Memo {
		memo[name] = size.value()
	}
	return &Driver{client: c, shape: shape, options: client.StartWorkflowOptions{
		TaskQueue:                shape.queue(),
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		TypedSearchAttributes:    temporal.NewSearchAttributes(set...), Memo: memo,
		StaticSummary: shape.Summary.string(), StaticDetails: shape.Details.string(),
	}}, nil
}

// WorkflowID is the id of the workflow of a case.
func (d *Driver) WorkflowID(id string) string { return fit("twin/"+id, d.shape.ID) }

// Case plays a case: it starts the workflow together with the first update, sends each of the others once the one before it
// is answered, and returns when the workflow has ended. Where something else has to happen between two of them, such as a
// parcel that arrives, it waits as long as in the case that was learned from. The id must not have been used before.
func (d *Driver) Case(ctx context.Context, id string) error {
	workflowID := d.WorkflowID(id)
	for number, u := range d.shape.Updates {
		if err := pause(ctx, u.After); err != nil {
			return err
		}
		if err := d.update(ctx, workflowID, number); err != nil {
			return fmt.Errorf("update %d of %s: %w", number+1, workflowID, err)
		}
	}
	if err := d.client.GetWorkflow(ctx, workflowID, "").Get(ctx, nil); err != nil {
		return fmt.Errorf("end of %s: %w", workflowID, err)
	}
	return nil
}

// update sends one as the gateway does: it waits until it is accepted, then for the answer.
func (d *Driver) update(ctx context.Context, workflowID string, number int) error {
	u := d.shape.Updates[number]
	options := client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateID: fit(fmt.Sprintf("u%d", number), u.ID), UpdateName: u.Name, Args: values(u.Input),
		WaitForStage: client.WorkflowUpdateStageAccepted,
	}
	handle, err := d.send(ctx, options, number == 0)
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

func (d *Driver) send(ctx context.Context, options client.UpdateWorkflowOptions, first bool) (client.WorkflowUpdateHandle, error) {
	if !first {
		return d.client.UpdateWorkflow(ctx, options)
	}
	start := d.options
	start.ID = options.WorkflowID
	return d.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: d.client.NewWithStartWorkflowOperation(start, d.shape.name(), values(d.shape.Input)...),
		UpdateOptions:          options,
	})
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
