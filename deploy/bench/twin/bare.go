package twin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
)

const (
	bareQueue    = "noop-bare"
	bareWorkflow = "NoopBare"
	bareInsert   = "bare.Insert"
	bareUpdate   = "open"
)

// NewBareWorkers makes the workers of the least that can open a case so that it is kept: a workflow whose local activity
// writes one row, and answers the update that came with the start. The table is made in the database if it is not there.
// Stop closes the database.
func NewBareWorkers(ctx context.Context, c client.Client, cfg database.Config, options worker.Options) (*Workers, error) {
	db, err := database.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	const table = `CREATE TABLE IF NOT EXISTS bare_cases (case_id VARCHAR(128) NOT NULL PRIMARY KEY, opened_at BIGINT NOT NULL)`
	if err := db.WithContext(ctx).Exec(table).Error; err != nil {
		return nil, errors.Join(fmt.Errorf("make the table of bare cases: %w", err), database.Close(db))
	}
	polling := worker.New(c, bareQueue, options)
	polling.RegisterWorkflowWithOptions(bare, workflow.RegisterOptions{
		Name: bareWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	insert := func(ctx context.Context, id string) error {
		err := db.WithContext(ctx).Exec(`INSERT INTO bare_cases (case_id, opened_at) VALUES (?, ?)`, id, time.Now().UnixMicro()).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return nil // by an attempt whose answer was lost
		}
		return err
	}
	polling.RegisterActivityWithOptions(insert, activity.RegisterOptions{Name: bareInsert})
	w := &Workers{world: &world{client: c}, workers: []worker.Worker{polling}}
	w.close = func() error { return database.Close(db) }
	return w, nil
}

// bare writes the row, answers, and ends.
func bare(ctx workflow.Context, id string) error {
	opened := false
	handle := func(ctx workflow.Context) (string, error) {
		return id, workflow.Await(ctx, func() bool { return opened })
	}
	if err := workflow.SetUpdateHandler(ctx, bareUpdate, handle); err != nil {
		return fmt.Errorf("accept %s: %w", bareUpdate, err)
	}
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 10 * time.Second})
	if err := workflow.ExecuteLocalActivity(local, bareInsert, id).Get(ctx, nil); err != nil {
		return err
	}
	opened = true
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// OpenBare opens a bare case, with the options of the gateway, and returns when the answer has come.
func OpenBare(ctx context.Context, c client.Client, id string) error {
	workflowID := "bare/" + id
	start := c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: workflowID, TaskQueue: bareQueue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
	}, bareWorkflow, id)
	update, err := c.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: workflowID, UpdateID: bareUpdate, UpdateName: bareUpdate, WaitForStage: client.WorkflowUpdateStageAccepted,
		},
	})
	if err != nil {
		return fmt.Errorf("open %s: %w", workflowID, err)
	}
	return update.Get(ctx, nil)
}
