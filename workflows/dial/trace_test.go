package dial

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/platform/telemetry"
	"aftercare.dev/workflows/internal/quiet"
)

func TestTheCaseOfAWorkflowIsInItsID(t *testing.T) {
	for id, want := range map[string][2]string{
		"case/m1/case_1": {"m1", "case_1"}, "freight-claim/m1/case_1": {"m1", "case_1"}, "refund/m1/case_1-r1": {"m1", "case_1"},
		"aftercare-sweep-2026": {}, "other/m1/case_1": {}, "case/m1": {}, "": {},
	} {
		merchantID, caseID := caseOf(id)
		require.Equal(t, want, [2]string{merchantID, caseID}, id)
	}
}

// recorded installs a provider of which a test sees the spans.
func recorded(t *testing.T) *tracetest.SpanRecorder {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	before, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	t.Cleanup(func() {
		otel.SetTracerProvider(before)
		otel.SetTextMapPropagator(propagator)
	})
	return spans
}

func TestWhatFollowsFromATimerIsATraceOfItsOwn(t *testing.T) {
	spans := recorded(t)
	interceptors, err := tracing()
	require.NoError(t, err)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet.Log{})
	env := suite.NewTestWorkflowEnvironment()
	var options worker.Options
	for _, i := range interceptors {
		options.Interceptors = append(options.Interceptors, i.(interceptor.WorkerInterceptor))
	}
	env.SetWorkerOptions(options)
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "refund/m1/case_1-r1"})
	traces := map[string]string{}
	env.RegisterActivityWithOptions(func(ctx context.Context, name string) error {
		traces[name] = trace.SpanContextFromContext(ctx).TraceID().String()
		require.Equal(t, "case_1", telemetry.CaseOf(ctx))
		return nil
	}, activity.RegisterOptions{Name: "act"})
	env.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
		cancelled, cancel := workflow.WithCancel(ctx)
		_ = workflow.NewTimerWithOptions(cancelled, time.Hour, workflow.TimerOptions{})
		if err := workflow.ExecuteActivity(ctx, "act", "first").Get(ctx, nil); err != nil {
			return err
		}
		cancel()
		// A timer that was cancelled is no cause of what follows.
		if err := workflow.ExecuteLocalActivity(ctx, "act", "beside").Get(ctx, nil); err != nil {
			return err
		}
		if err := workflow.NewTimerWithOptions(ctx, time.Hour, workflow.TimerOptions{}).Get(ctx, nil); err != nil {
			return err
		}
		if err := workflow.ExecuteLocalActivity(ctx, "act", "second").Get(ctx, nil); err != nil {
			return err
		}
		return workflow.ExecuteActivity(ctx, "act", "third").Get(ctx, nil)
	}, workflow.RegisterOptions{Name: "Refund"})
	env.ExecuteWorkflow("Refund")
	require.NoError(t, env.GetWorkflowError())

	ended := map[string]string{}
	for _, span := range spans.Ended() {
		ended[span.Name()] = span.SpanContext().TraceID().String()
		var about []string
		for _, a := range span.Attributes() {
			if strings.HasPrefix(string(a.Key), "aftercare.") {
				about = append(about, string(a.Key)+"="+a.Value.AsString())
			}
		}
		require.ElementsMatch(t, []string{"aftercare.case_id=case_1", "aftercare.merchant_id=m1"}, about, span.Name())
	}
	start, timer := ended["RunWorkflow:Refund"], ended["TimerFired:Refund"]
	require.NotEmpty(t, timer)
	require.NotEqual(t, start, timer)
	require.Equal(t, map[string]string{"first": start, "beside": start, "second": timer, "third": timer}, traces)
}
