package sweep

import (
	"context"
	"errors"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// reportedProblems is the search attribute that the server sets on a workflow whose tasks fail.
const reportedProblems = "TemporalReportedProblems"

// describer is what is needed of the Temporal client to look at one workflow; a test answers in its place.
type describer interface {
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	ListWorkflow(ctx context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
}

// describe looks at a workflow as it is this moment. One that does not exist has an unspecified status.
func (s *sweeping) describe(ctx context.Context, id string) (execution, error) {
	s.alive()
	answer, err := s.temporal.DescribeWorkflowExecution(ctx, id, "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return execution{id: id}, nil
	}
	if err != nil {
		return execution{}, err
	}
	info := answer.GetWorkflowExecutionInfo()
	e := execution{
		id: id, status: info.GetStatus(), started: at(info.GetStartTime()), closed: at(info.GetCloseTime()),
		parent: info.GetParentExecution().GetWorkflowId(), activities: len(answer.GetPendingActivities()), children: len(answer.GetPendingChildren()),
		tasks: answer.GetPendingWorkflowTask().GetAttempt(), tasksSince: at(answer.GetPendingWorkflowTask().GetOriginalScheduledTime()),
	}
	fields := info.GetSearchAttributes().GetIndexedFields()
	decode(fields[s.in.StageAttribute], &e.stage)
	var problems []string
	decode(fields[reportedProblems], &problems)
	e.reported = codeOf(problems)
	for _, a := range answer.GetPendingActivities() {
		if a.GetAttempt() > e.failing.count {
			e.failing = attemptsAt(a)
		}
	}
	return e, nil
}

func attemptsAt(a *workflowpb.PendingActivityInfo) attempts {
	failure := a.GetLastFailure()
	kind := failure.GetApplicationFailureInfo().GetType()
	switch {
	case failure.GetTimeoutFailureInfo() != nil:
		kind = "timeout"
	case kind == "":
		kind = "unknown"
	}
	return attempts{name: a.GetActivityType().GetName(), failure: kind, count: a.GetAttempt(), since: at(a.GetScheduledTime())}
}

// codeOf takes the cause out of what the server reports, such as
// category=WorkflowTaskFailed and cause=WorkflowTaskFailedCauseNonDeterministicError.
func codeOf(problems []string) string {
	code := strings.Join(problems, ",")
	for _, p := range problems {
		if cause, ok := strings.CutPrefix(p, "cause="); ok {
			code = cause
		}
	}
	return code
}

// decode reads a search attribute; one that is not set leaves the value as it is. They are never encrypted.
func decode(field *commonpb.Payload, into any) {
	if field != nil {
		// What is not of the type expected is as good as not set.
		_ = converter.GetDefaultDataConverter().FromPayload(field, into)
	}
}

func at(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// running lists the workflows of some types that visibility believes to run, page by page.
func (s *sweeping) running(ctx context.Context, types []string, each func([]*workflowpb.WorkflowExecutionInfo) error) error {
	request := &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: pageSize,
		Query:    "WorkflowType IN ('" + strings.Join(types, "','") + "') AND ExecutionStatus = '" + enums.WORKFLOW_EXECUTION_STATUS_RUNNING.String() + "'",
	}
	for {
		answer, err := s.temporal.ListWorkflow(ctx, request)
		if err != nil {
			return err
		}
		if err := each(answer.GetExecutions()); err != nil {
			return err
		}
		if request.NextPageToken = answer.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return nil
		}
	}
}
