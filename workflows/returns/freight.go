package returns

import (
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// startClaim claims the return freight at the insurer once the goods are with the warehouse. The claim has a life of its
// own: whatever becomes of it, the refund goes on.
func (r *returning) startClaim(ctx workflow.Context) {
	if r.claim != nil || r.withdrawn || !r.verdict.Insured || !r.parcel.travelled() {
		return
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:        contract.FreightClaimWorkflowID(r.in.MerchantID, r.in.CaseID),
		TaskQueue:         contract.CasesQueue,
		ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:     "Return freight of " + r.in.CaseID + " · " + r.in.MerchantID,
		StaticDetails:     caseflow.ChildDetails(r.in.Case, "Claims the return freight at the insurer and waits for the payout. The refund does not wait for it."),
	})
	r.claim = workflow.ExecuteChildWorkflow(ctx, contract.FreightClaimWorkflow, contract.FreightClaimInput{
		Case: r.in.Case, ShipmentID: r.parcel.shipment.ShipmentID,
	})
	if r.claim.GetChildWorkflowExecution().Get(ctx, nil) == nil {
		r.flow.Firm()
	}
	r.flow.State.Insurance = &api.InsuranceProgress{State: "claimed"}
	r.flow.Tell(ctx, caseflow.Entry{Type: "insurance.claimed", By: caseflow.By("workflow")})
}

// settleFreight waits for the insurer, up to its clock and then with a word to the operators. The money for the goods is
// paid by now.
func (r *returning) settleFreight(ctx workflow.Context) (api.Outcome, error) {
	if r.claim == nil {
		return "", nil
	}
	if r.claim.IsReady() {
		r.tellClaim(ctx)
		return "", nil
	}
	wait := caseflow.Wait{
		Stage:       api.StageSettlingFreight,
		Expects:     []caseflow.Expectation{{Action: "insurer_pays", Actor: "insurer"}},
		Deadline:    r.arrivedOr(ctx).Add(time.Duration(r.verdict.Clocks.InsuranceSeconds) * time.Second),
		Consequence: "operator_told",
		Until:       r.claim.IsReady,
	}
	wake, err := r.flow.Wait(ctx, wait)
	if err == nil && wake.Late {
		r.flow.State.Attention = &api.Attention{Reason: "insurance_late", Since: workflow.Now(ctx).UTC()}
		r.flow.Tell(ctx, caseflow.Entry{Type: "insurance.late", By: caseflow.By("clock")})
		wait.Deadline, wait.Consequence = time.Time{}, ""
		wait.Offers = []caseflow.Offer{{Action: contract.ActionSkip, Actors: []contract.Role{contract.Operator, contract.Administrator}}}
		wake, err = r.flow.Wait(ctx, wait)
		r.flow.State.Attention = nil
	}
	if err != nil {
		return "", err
	}
	if act := wake.Act; act != nil {
		r.flow.Tell(ctx, caseflow.Entry{
			Type: "case.attention_resolved", By: act.By().Actor, NoteID: r.flow.NoteOf(ctx, act),
			Data: map[string]any{"by": string(act.Action())}, Staff: true,
		})
		return "", nil
	}
	r.tellClaim(ctx)
	return "", nil
}

func (r *returning) tellClaim(ctx workflow.Context) {
	var result contract.FreightClaimResult
	if err := r.claim.Get(ctx, &result); err != nil {
		result = contract.FreightClaimResult{State: "rejected", Reason: "claim_failed"}
	}
	r.flow.State.Insurance = &api.InsuranceProgress{State: result.State, Payout: result.Payout}
	entry := caseflow.Entry{Type: "insurance.rejected", By: caseflow.By("insurer"), Data: map[string]any{"reason": result.Reason}}
	if result.State == "paid" {
		entry.Type, entry.Data = "insurance.paid", map[string]any{"amount": result.Payout}
	}
	r.flow.Tell(ctx, entry)
}
