package dial

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	temporallog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/platform/telemetry"
	"aftercare.dev/workflows/contract"
)

// spanKey is where the span of a workflow, an update or a signal is in a workflow's context.
type spanKey struct{}

// tracing returns the interceptors that trace calls, workflows and activities, and name the case on spans and in logs.
// The first must stay before the second.
func tracing() ([]interceptor.ClientInterceptor, error) {
	spans, err := opentelemetry.NewTracer(opentelemetry.TracerOptions{
		TextMapPropagator: otel.GetTextMapPropagator(), SpanContextKey: spanKey{},
	})
	if err != nil {
		return nil, err
	}
	tracer := caseTracer{spans}
	return []interceptor.ClientInterceptor{interceptor.NewTracingInterceptor(tracer), &steps{tracer: tracer}}, nil
}

// caseTracer names merchant and case on each span, by the workflow's id.
type caseTracer struct{ interceptor.Tracer }

// StartSpan implements [interceptor.Tracer].
func (t caseTracer) StartSpan(o *interceptor.TracerStartSpanOptions) (interceptor.TracerSpan, error) {
	if merchantID, caseID := caseOf(o.Tags["temporalWorkflowID"]); caseID != "" {
		o.Tags[string(telemetry.AttributeMerchant)], o.Tags[string(telemetry.AttributeCase)] = merchantID, caseID
	}
	return t.Tracer.StartSpan(o)
}

// caseOf is the case that a workflow of any type belongs to, by the workflow's id: a refund has the id of its case and
// a number after it.
func caseOf(workflowID string) (merchantID, caseID string) {
	parts := strings.Split(workflowID, "/")
	if len(parts) != 3 {
		return "", ""
	}
	merchantID, caseID = parts[1], parts[2]
	switch workflowID {
	case contract.CaseWorkflowID(merchantID, caseID), contract.FreightClaimWorkflowID(merchantID, caseID):
		return merchantID, caseID
	case contract.RefundWorkflowID(merchantID, caseID):
		caseID, _, _ = strings.Cut(caseID, "-r")
		return merchantID, caseID
	default:
		return "", ""
	}
}

// GetLogger implements [interceptor.Tracer], with the keys that the logs of the house have.
func (t caseTracer) GetLogger(logger temporallog.Logger, ref interceptor.TracerSpanRef) temporallog.Logger {
	span, ok := ref.(interface{ SpanContext() trace.SpanContext })
	if !ok || !span.SpanContext().IsValid() {
		return logger
	}
	return temporallog.With(logger, "trace_id", span.SpanContext().TraceID().String(), "span_id", span.SpanContext().SpanID().String())
}

// steps makes one trace of each step of a workflow, in place of one trace of its whole life: what follows from an update
// or a signal goes on with the trace of whoever sent it, what follows from a timer is a trace of its own.
type steps struct {
	interceptor.InterceptorBase
	tracer interceptor.Tracer
}

// InterceptActivity implements [interceptor.WorkerInterceptor].
func (*steps) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &activityInbound{}
	i.Next = next
	return i
}

type activityInbound struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity lets the activity, and what it calls, know the case. It implements
// [interceptor.ActivityInboundInterceptor].
func (i *activityInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	merchantID, caseID := caseOf(activity.GetInfo(ctx).WorkflowExecution.ID)
	return i.Next.ExecuteActivity(telemetry.WithCase(ctx, merchantID, caseID), in)
}

// InterceptWorkflow implements [interceptor.WorkerInterceptor].
func (s *steps) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &inbound{step: &step{tracer: s.tracer}}
	i.Next = next
	return i
}

// step is where a run of a workflow is. Nothing of it changes what the workflow does.
type step struct {
	tracer interceptor.Tracer
	// begun is set once something came after the start; span is what it came with, nil if nothing is known of it.
	begun  bool
	span   any
	timers []workflow.Future
}

func (s *step) begin(span any) { s.begun, s.span = true, span }

// in returns a context in which calls belong to the step.
func (s *step) in(ctx workflow.Context) workflow.Context {
	waiting := s.timers[:0]
	fired := false
	for _, timer := range s.timers {
		if !timer.IsReady() {
			waiting = append(waiting, timer)
			continue
		}
		// A timer that was cancelled is ready, and no cause of anything.
		fired = fired || timer.Get(ctx, nil) == nil
	}
	s.timers = waiting
	if fired {
		s.begin(s.root(ctx))
	}
	if !s.begun {
		return ctx
	}
	return workflow.WithValue(ctx, spanKey{}, s.span)
}

// root is the span that a step of a timer begins with, or nil when the workflow only remembers.
func (s *step) root(ctx workflow.Context) any {
	if workflow.IsReplaying(ctx) {
		return nil
	}
	info := workflow.GetInfo(ctx)
	span, err := s.tracer.StartSpan(&interceptor.TracerStartSpanOptions{
		Operation: "TimerFired", Name: info.WorkflowType.Name, Time: workflow.Now(ctx),
		Tags: map[string]string{"temporalWorkflowID": info.WorkflowExecution.ID, "temporalRunID": info.WorkflowExecution.RunID},
	})
	if err != nil {
		return nil
	}
	span.Finish(&interceptor.TracerFinishSpanOptions{})
	return span
}

type inbound struct {
	interceptor.WorkflowInboundInterceptorBase
	step *step
}

// Init implements [interceptor.WorkflowInboundInterceptor].
func (i *inbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	o := &outbound{step: i.step}
	o.Next = next
	return i.Next.Init(o)
}

// HandleSignal implements [interceptor.WorkflowInboundInterceptor].
func (i *inbound) HandleSignal(ctx workflow.Context, in *interceptor.HandleSignalInput) error {
	i.step.begin(ctx.Value(spanKey{}))
	return i.Next.HandleSignal(ctx, in)
}

// ExecuteUpdate implements [interceptor.WorkflowInboundInterceptor].
func (i *inbound) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	i.step.begin(ctx.Value(spanKey{}))
	return i.Next.ExecuteUpdate(ctx, in)
}

type outbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	step *step
}

// ExecuteActivity implements [interceptor.WorkflowOutboundInterceptor].
func (o *outbound) ExecuteActivity(ctx workflow.Context, activityType string, args ...any) workflow.Future {
	return o.Next.ExecuteActivity(o.step.in(ctx), activityType, args...)
}

// ExecuteLocalActivity implements [interceptor.WorkflowOutboundInterceptor].
func (o *outbound) ExecuteLocalActivity(ctx workflow.Context, activityType string, args ...any) workflow.Future {
	return o.Next.ExecuteLocalActivity(o.step.in(ctx), activityType, args...)
}

// ExecuteChildWorkflow implements [interceptor.WorkflowOutboundInterceptor].
func (o *outbound) ExecuteChildWorkflow(ctx workflow.Context, childWorkflowType string, args ...any) workflow.ChildWorkflowFuture {
	return o.Next.ExecuteChildWorkflow(o.step.in(ctx), childWorkflowType, args...)
}

// NewTimerWithOptions implements [interceptor.WorkflowOutboundInterceptor].
func (o *outbound) NewTimerWithOptions(ctx workflow.Context, d time.Duration, options workflow.TimerOptions) workflow.Future {
	timer := o.Next.NewTimerWithOptions(ctx, d, options)
	o.step.timers = append(o.step.timers, timer)
	return timer
}

// GetLogger implements [interceptor.WorkflowOutboundInterceptor].
func (o *outbound) GetLogger(ctx workflow.Context) temporallog.Logger {
	merchantID, caseID := caseOf(workflow.GetInfo(ctx).WorkflowExecution.ID)
	return temporallog.With(o.Next.GetLogger(ctx), "merchant_id", merchantID, "case_id", caseID)
}
