package dial

import (
	"context"
	"path"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"google.golang.org/grpc"

	"aftercare.dev/services/platform/crash"
)

// crashing has activities, and what is written to Temporal, pass crash points.
func crashing(options *client.Options) {
	options.Interceptors = append(options.Interceptors, &points{})
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(written))
}

// points passes those around an activity.
type points struct{ interceptor.InterceptorBase }

// InterceptActivity implements [interceptor.WorkerInterceptor].
func (*points) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &activityPoints{}
	i.Next = next
	return i
}

type activityPoints struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity implements [interceptor.ActivityInboundInterceptor].
func (i *activityPoints) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	name := activity.GetInfo(ctx).ActivityType.Name
	crash.At(name, crash.BeforeActivity)
	out, err := i.Next.ExecuteActivity(ctx, in)
	if err == nil {
		crash.At(name, crash.AfterActivity)
	}
	return out, err
}

// written passes the points around a call that changes something. Temporal is read and polled all the time.
func written(ctx context.Context, method string, in, out any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	name := "temporal." + path.Base(method)
	switch in := in.(type) {
	case *workflowservice.SignalWorkflowExecutionRequest:
		name += ":" + in.GetSignalName()
	case *workflowservice.UpdateWorkflowExecutionRequest:
		name += ":" + in.GetRequest().GetInput().GetName()
	case *workflowservice.StartWorkflowExecutionRequest, *workflowservice.SignalWithStartWorkflowExecutionRequest,
		*workflowservice.ExecuteMultiOperationRequest, *workflowservice.RespondWorkflowTaskCompletedRequest,
		*workflowservice.RespondActivityTaskCompletedRequest, *workflowservice.RespondActivityTaskFailedRequest:
	default:
		return invoke(ctx, method, in, out, cc, options...)
	}
	crash.At(name, crash.BeforeRPC)
	if err := invoke(ctx, method, in, out, cc, options...); err != nil {
		return err
	}
	crash.At(name, crash.AfterRPC)
	return nil
}
