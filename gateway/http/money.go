package http

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// mindMoney has a case look at its money: one that runs gets a signal, a closed one is gone on with. Whether anything is
// wrong is for the case to find out.
func (h *Handlers) mindMoney(ctx context.Context, of contract.Case, event contract.Event) error {
	err := h.Temporal.SignalWorkflow(ctx, of.WorkflowID(), "", contract.MoneyEvent, event)
	var missing *serviceerror.NotFound
	if !errors.As(err, &missing) {
		return err
	}
	c, err := read(h.Services.Cases.GetCaseWithResponse(ctx, of.MerchantID, of.CaseID, &cases.GetCaseParams{}))
	if p, ok := problem.As(err); ok && p.Status == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the case whose refund has news: %w", err)
	}
	if c.Status != cases.StatusClosed {
		// Its workflow was terminated: it is reset, not buried under another one. The sweep carries the news to it then.
		return nil
	}
	of.OrderID, of.BuyerID = c.OrderID, c.BuyerID
	_, err = h.Temporal.SignalWithStartWorkflow(ctx, of.WorkflowID(), contract.MoneyEvent, event, client.StartWorkflowOptions{
		TaskQueue:             contract.CasesQueue,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes: contract.ReopenedAttributes(of),
		StaticSummary:         contract.ReopenedSummary(of),
		StaticDetails:         contract.ReopenedDetails(of),
	}, contract.ReopenedWorkflow, contract.ReopenedInput{Case: of})
	return err
}

// differenceResolved wakes the case that waits for somebody to look into a difference. One that does not hear it now
// looks for itself within a day.
func (h *Handlers) differenceResolved(ctx context.Context, merchantID, caseID, differenceID string) {
	err := h.Temporal.SignalWorkflow(ctx, contract.CaseWorkflowID(merchantID, caseID), "", contract.MoneyEvent, contract.Event{
		EventID: differenceID + ":resolved", Subject: differenceID,
	})
	var missing *serviceerror.NotFound
	if err != nil && !errors.As(err, &missing) {
		h.Log.WarnContext(ctx, "the case was not told that its difference is resolved", "case_id", caseID, "error", err)
	}
}
