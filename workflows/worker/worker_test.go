package worker

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/workflows/contract"
)

func TestAWorkerHasSensibleDefaults(t *testing.T) {
	cfg, err := config.Load[ProcessConfig]("", nil)
	require.NoError(t, err)
	require.Equal(t, ":8090", cfg.Listen)
	require.Equal(t, 20*time.Second, cfg.Worker.StopTimeout)
	require.Equal(t, []Queue{Cases, Money}, cfg.Worker.Queues)
	require.False(t, cfg.Worker.Options().DeploymentOptions.UseVersioning)
}

func TestAWrongSettingIsNamed(t *testing.T) {
	for variable, value := range map[string]string{
		"WORKER_LISTEN": "nowhere", "WORKER_STOP_TIMEOUT": "20", "WORKER_MAX_ACTIVITIES": "many",
		"WORKER_QUEUES": "cases,gold",
	} {
		_, err := config.Load[ProcessConfig]("", []string{variable + "=" + value})
		var wrong *config.Error
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, variable, wrong.Variable)
	}
}

func TestWorkersAreVersionedOnceBothVariablesAreSet(t *testing.T) {
	for _, test := range []struct {
		name, build string
		versioned   bool
	}{{"", "", false}, {"aftercare", "", false}, {"", "b1", false}, {"aftercare", "b1", true}} {
		options := Config{DeploymentName: test.name, BuildID: test.build}.Options()
		require.Equal(t, test.versioned, options.DeploymentOptions.UseVersioning)
	}
}

func TestAProcessWorksForTheQueuesThatItIsTold(t *testing.T) {
	for variable, want := range map[string][]Queue{"money": {Money}, "cases": {Cases}, "money,cases": {Money, Cases}} {
		cfg, err := config.Load[Config]("", []string{"WORKER_QUEUES=" + variable})
		require.NoError(t, err)
		require.Equal(t, want, cfg.Queues)
	}
	for _, wrong := range []string{"", "cases,cases"} {
		_, err := config.Load[Config]("", []string{"WORKER_QUEUES=" + wrong})
		if wrong != "" {
			require.ErrorContains(t, err, "WORKER_QUEUES")
			continue
		}
		require.NoError(t, err, "empty means the default")
	}
	for queue, want := range map[Queue]registered{
		Cases: {
			contract.ReturnWorkflow: workflow.VersioningBehaviorAutoUpgrade, contract.FreightClaimWorkflow: workflow.VersioningBehaviorAutoUpgrade,
			contract.SweepWorkflow: workflow.VersioningBehaviorAutoUpgrade, contract.ReopenedWorkflow: workflow.VersioningBehaviorAutoUpgrade,
			contract.ReconcileWorkflow: workflow.VersioningBehaviorAutoUpgrade, contract.EraseBuyerWorkflow: workflow.VersioningBehaviorAutoUpgrade,
			contract.RetentionWorkflow: workflow.VersioningBehaviorAutoUpgrade,
		},
		Money: {contract.RefundWorkflow: workflow.VersioningBehaviorPinned},
	} {
		r := registered{}
		queue.register(r)
		require.Equal(t, want, r, queue.tasks())
	}
}

func TestAWorkerThatGivesUpSaysSoAndNeverBlocks(t *testing.T) {
	w := &Workers{failed: make(chan error, 1)}
	for range 3 {
		w.fail(errors.New("the namespace is gone"))
	}
	require.EqualError(t, <-w.failed, "the namespace is gone")
}

// registered remembers what is registered with it.
type registered map[string]workflow.VersioningBehavior

func (r registered) RegisterWorkflowWithOptions(_ any, options workflow.RegisterOptions) {
	r[options.Name] = options.VersioningBehavior
}

func TestLongWorkflowsGoOnWithTheNewestVersionAndShortOnesEndWhereTheyBegan(t *testing.T) {
	cases, money := registered{}, registered{}
	RegisterCases(cases)
	RegisterMoney(money)
	require.Equal(t, registered{
		contract.ReturnWorkflow:       workflow.VersioningBehaviorAutoUpgrade,
		contract.FreightClaimWorkflow: workflow.VersioningBehaviorAutoUpgrade,
		contract.SweepWorkflow:        workflow.VersioningBehaviorAutoUpgrade,
		contract.ReopenedWorkflow:     workflow.VersioningBehaviorAutoUpgrade,
		contract.ReconcileWorkflow:    workflow.VersioningBehaviorAutoUpgrade,
		contract.EraseBuyerWorkflow:   workflow.VersioningBehaviorAutoUpgrade,
		contract.RetentionWorkflow:    workflow.VersioningBehaviorAutoUpgrade,
	}, cases)
	require.Equal(t, registered{contract.RefundWorkflow: workflow.VersioningBehaviorPinned}, money)
}
