package e2e

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/setup"
)

// of is a client of a namespace of the shared server.
func of(t *testing.T, name string) client.Client {
	t.Helper()
	c, err := client.NewLazyClient(client.Options{HostPort: shared.temporal, Namespace: name, Logger: sdklog.NewStructuredLogger(quiet)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// prepare is what "worker setup" does.
func prepare(c client.Client, name string, cfg setup.Config) error {
	return setup.Run(context.Background(), c, name, cfg, slog.New(slog.DiscardHandler))
}

func TestANamespaceIsPreparedFromNothingByManyAtOnce(t *testing.T) {
	t.Parallel()
	cfg := setup.Config{Namespace: true, Retention: 48 * time.Hour, Patience: patience, Reconcile: "30 2 * * *"}
	c := of(t, "from-nothing")
	done := make(chan error, 3)
	for range cap(done) {
		go func() { done <- prepare(c, "from-nothing", cfg) }()
	}
	for range cap(done) {
		require.NoError(t, <-done)
	}
	require.NoError(t, prepare(c, "from-nothing", cfg))
	described, err := c.WorkflowService().DescribeNamespace(context.Background(), &workflowservice.DescribeNamespaceRequest{Namespace: "from-nothing"})
	require.NoError(t, err)
	require.Equal(t, 48*time.Hour, described.Config.WorkflowExecutionRetentionTtl.AsDuration())
	for _, id := range []string{contract.SweepID, contract.ReconcileID} {
		_, err = c.ScheduleClient().GetHandle(context.Background(), id).Describe(context.Background())
		require.NoError(t, err)
	}
	cfg.Reconcile = "in the morning"
	require.ErrorContains(t, prepare(c, "from-nothing", cfg), "RECONCILE_SCHEDULE")
}

func TestANamespaceThatIsNotThereIsNotMadeUnasked(t *testing.T) {
	t.Parallel()
	err := prepare(of(t, "of-somebody"), "of-somebody", setup.Config{Patience: patience})
	require.ErrorContains(t, err, "there is no namespace of-somebody")
	require.ErrorContains(t, err, "SETUP_NAMESPACE=true")
}

func TestASearchAttributeOfAnotherTypeIsNamed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := shared.dial(t)
	_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: "taken", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	eventually(t, "the attribute of somebody else", func() bool {
		_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: "taken", SearchAttributes: map[string]enums.IndexedValueType{"CaseStage": enums.INDEXED_VALUE_TYPE_INT},
		})
		return err == nil
	})
	err = prepare(of(t, "taken"), "taken", setup.Config{Patience: patience})
	require.ErrorContains(t, err, "search attribute CaseStage of namespace taken is a Int and must be a Keyword")
}
