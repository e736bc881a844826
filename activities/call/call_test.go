package call

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
)

// quick runs a workflow of one quick activity that fails so often, and counts its attempts: out of sight, and seen.
func quick(t *testing.T, failures int, failure error) (hidden, seen int, err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(20 * time.Second)
	env.RegisterActivityWithOptions(func(ctx context.Context, in string) (string, error) {
		if activity.GetInfo(ctx).IsLocalActivity {
			hidden++
		} else {
			seen++
		}
		if hidden+seen <= failures {
			return "", failure
		}
		return "done " + in, nil
	}, activity.RegisterOptions{Name: "step"})
	env.ExecuteWorkflow(func(ctx workflow.Context) (string, error) { return Quick[string](ctx, "A step", "step", "it") })
	return hidden, seen, env.GetWorkflowError()
}

func TestAnActivityThatFailsOutOfSightIsSeenAfterAWhile(t *testing.T) {
	broken := errors.New("a defect")
	for _, test := range []struct{ failures, hidden, seen int }{
		{0, 1, 0}, {outOfSight - 1, outOfSight, 0}, {outOfSight, outOfSight, 1}, {outOfSight + 1, outOfSight, 2},
	} {
		hidden, seen, err := quick(t, test.failures, broken)
		if err != nil || hidden != test.hidden || seen != test.seen {
			t.Errorf("after %d failures: %d attempts out of sight and %d seen, %v; want %d and %d", test.failures, hidden, seen, err, test.hidden, test.seen)
		}
	}
}

func TestARefusalIsNotTriedAgain(t *testing.T) {
	hidden, seen, err := quick(t, 1, temporal.NewNonRetryableApplicationError("no", "refused", nil))
	if err == nil || hidden != 1 || seen != 0 {
		t.Errorf("%d and %d attempts, %v", hidden, seen, err)
	}
}
