package reconcile

import (
	"errors"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/payment"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// atOnce is how many differences are carried in one go; the rest waits for the next sweep.
const atOnce = 100

// Carry tells the cases that differences are about. A case that runs gets a signal, a closed one is gone on with; either
// looks for itself, and says to the payment service that it has taken notice. What it does not notice is carried again by
// the next sweep. It returns how many were carried.
func Carry(ctx workflow.Context) (int, error) {
	pending, err := payment.OpenDifferences(ctx, atOnce)
	if err != nil {
		return 0, fmt.Errorf("list the open differences: %w", err)
	}
	carried := 0
	var errs []error
	for _, d := range pending {
		if err := carry(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("carry difference %s: %w", d.DifferenceID, err))
			continue
		}
		carried++
	}
	return carried, errors.Join(errs...)
}

func carry(ctx workflow.Context, d payment.Pending) error {
	id := contract.CaseWorkflowID(d.MerchantID, d.CaseID)
	event := contract.Event{EventID: d.DifferenceID, Subject: d.DifferenceID}
	if workflow.SignalExternalWorkflow(ctx, id, "", contract.MoneyEvent, event).Get(ctx, nil) == nil {
		return nil
	}
	standing, err := cases.Look(ctx, cases.CaseRef{MerchantID: d.MerchantID, CaseID: d.CaseID})
	switch {
	case fault.Is(err, fault.Missing):
		return errors.New("its case was never opened")
	case err != nil:
		return err
	case standing.State.Status != api.StatusClosed:
		// Its workflow was terminated, or began a moment ago. The sweep finds the one, and the next one carries the other.
		return errors.New("its case is open and has no workflow")
	}
	in := contract.ReopenedInput{Case: contract.Case{
		MerchantID: d.MerchantID, CaseID: d.CaseID, OrderID: standing.OrderID, BuyerID: standing.BuyerID,
	}}
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            id,
		TaskQueue:             contract.CasesQueue,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		TypedSearchAttributes: contract.ReopenedAttributes(in.Case),
		StaticSummary:         contract.ReopenedSummary(in.Case),
		StaticDetails:         contract.ReopenedDetails(in.Case),
	}), contract.ReopenedWorkflow, in)
	return child.GetChildWorkflowExecution().Get(ctx, nil)
}
