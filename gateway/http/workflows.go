package http

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// describeTimeout bounds the question whether a workflow was started.
const describeTimeout = 2 * time.Second

// conflicts are the codes of refusals that are about the state of things, not about what was sent.
var conflicts = map[string]bool{
	contract.RefusedNotAllowed: true, contract.RefusedVersion: true,
	"units_not_available": true, "reservation_differs": true, "reservation_settled": true,
	"tracking_number_in_use": true, "too_late": true, "shipment_busy": true, "shipment_differs": true,
	"return_address_missing": true, "refund_not_resolvable": true, "refund_differs": true,
}

// refused is the problem that a workflow's refusal means.
func refused(r contract.Refusal) error {
	status := http.StatusUnprocessableEntity
	if conflicts[r.Code] {
		status = http.StatusConflict
	}
	p := problem.New(status, r.Code, r.Detail)
	if r.Field != "" {
		p = p.WithFields(problem.FieldError{Field: fieldOf(r.Field), Detail: r.Detail})
	}
	if r.Stage == "" {
		return p
	}
	allowed := r.Allowed
	if allowed == nil {
		allowed = []contract.Action{}
	}
	return p.With("stage", r.Stage).With("version", r.Version).With("allowed", allowed)
}

// fieldOf is what the public contract calls a field of the logistics service.
func fieldOf(field string) string {
	for _, prefix := range []string{"pickup.", "parcel."} {
		field = strings.TrimPrefix(field, prefix)
	}
	return field
}

// refusalOf is the refusal that a workflow answered with, of the type given.
func refusalOf(err error, kind string) (contract.Refusal, bool) {
	var (
		failure *temporal.ApplicationError
		refusal contract.Refusal
	)
	if !errors.As(err, &failure) || failure.Type() != kind || !failure.HasDetails() {
		return refusal, false
	}
	return refusal, failure.Details(&refusal) == nil
}

// endedMeanwhile is the type of the server's error for an update that was accepted by a workflow that then ended without
// answering it.
const endedMeanwhile = "AcceptedUpdateCompletedWorkflow"

// gone tells that there is no workflow that could answer: it is closed, or never was.
func gone(err error) bool {
	var (
		missing *serviceerror.NotFound
		failure *temporal.ApplicationError
	)
	return errors.As(err, &missing) || temporal.IsWorkflowExecutionAlreadyStartedError(err) ||
		errors.As(err, &failure) && failure.Type() == endedMeanwhile
}

// late tells that the workflow did not answer in time. It may still do what it was asked.
func late(err error) bool {
	var (
		timeout *client.WorkflowUpdateServiceTimeoutOrCanceledError
		expired *serviceerror.DeadlineExceeded
	)
	return errors.As(err, &timeout) || errors.As(err, &expired) || errors.Is(err, context.DeadlineExceeded)
}

// unanswered is the problem of a failure to reach a workflow.
func unanswered(err error) error {
	var (
		unavailable *serviceerror.Unavailable
		exhausted   *serviceerror.ResourceExhausted
		failing     *serviceerror.WorkflowNotReady
		paused      *serviceerror.FailedPrecondition
	)
	if errors.As(err, &paused) {
		return problem.Conflict(CodeCasePaused, "an operator has paused the case; try again later").WithCause(err)
	}
	// A workflow whose task fails goes on by itself, or when its defect is mended.
	if late(err) || errors.As(err, &unavailable) || errors.As(err, &exhausted) || errors.As(err, &failing) {
		return problem.Unavailable(problem.CodeUnavailable,
			"cases cannot be changed at the moment; repeat the request with the same Idempotency-Key").WithCause(err)
	}
	return problem.Internal(err)
}

// started tells whether a workflow of the id is there for sure.
func (h *Handlers) started(ctx context.Context, workflowID string) bool {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	_, err := h.Temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	return err == nil
}
