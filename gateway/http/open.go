package http

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/text/currency"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/services/platform/telemetry"
	"aftercare.dev/workflows/contract"
)

// openUpdateID is the id of the one update that opens a case: a repeated request gets the answer of the first.
const openUpdateID = "open"

// OpenCase files a case. The application is judged and kept under the idempotency key, unless it cannot be; then the workflow of
// its case is started with the judgement and asked in one call how it stands. Every part can be repeated, so that a request
// whose answer was lost is simply sent again.
func (h *Handlers) OpenCase(ctx context.Context, r api.OpenCaseRequestObject) (api.OpenCaseResponseObject, error) {
	f := filing{caller: access.From(ctx), key: r.Params.IdempotencyKey, input: *r.Body}
	application, err := h.apply(ctx, f)
	if err != nil {
		return nil, err
	}
	if !application.Created {
		filed, err := h.readCase(ctx, application.CaseID)
		if err == nil {
			return openedCase(filed), nil
		}
		if p, ok := problem.As(err); !ok || p.Status != http.StatusNotFound {
			return nil, err
		}
	}
	ctx = telemetry.WithCase(ctx, "", application.CaseID)
	return h.open(ctx, f.start(application))
}

// filing is a request for a case.
type filing struct {
	caller access.Caller
	key    string
	input  api.CaseInput
}

// apply keeps what is asked for. The cases service finds out whose order it is, and whether it is there for the caller. That of
// the release before, which may still run during an upgrade, has to be told.
func (h *Handlers) apply(ctx context.Context, f filing) (cases.Application, error) {
	application, err := h.keep(ctx, f, nil)
	if !lacksBuyer(err) {
		return application, err
	}
	ord, err := h.order(ctx, f.input.OrderID)
	if err != nil {
		return cases.Application{}, err
	}
	application, err = h.keep(ctx, f, &ord.BuyerID)
	application.BuyerID = ord.BuyerID
	return application, err
}

// lacksBuyer tells that the contract of the cases service still has buyer_id among what is required.
func lacksBuyer(err error) bool {
	p, ok := problem.As(err)
	return ok && p.Code == problem.CodeInvalid && slices.ContainsFunc(p.Errors, func(f problem.FieldError) bool {
		return f.Field == "buyer_id" && f.Code == "required"
	})
}

func (h *Handlers) keep(ctx context.Context, f filing, buyerID *string) (cases.Application, error) {
	actor := f.caller.Actor()
	judge := true
	params := cases.StoreApplicationParams{Judge: &judge, BuyerID: f.caller.Owner()}
	return read(h.Services.Cases.StoreApplicationWithResponse(ctx, f.caller.MerchantID, &params, cases.ApplicationInput{
		IdempotencyKey: f.key, Applicant: cases.Actor{Role: cases.Role(actor.Role), ID: actor.ID}, BuyerID: buyerID,
		OrderID: f.input.OrderID, Type: f.input.Type, Reason: f.input.Reason, Lines: f.input.Lines,
		Text: f.input.Text, EvidenceIds: f.input.EvidenceIds, Channel: recode[cases.ApplicationInputChannel](f.input.Channel),
	}))
}

// start is what the workflow of the case is started with, and what operators see of it from the first moment.
func (f filing) start(a cases.Application) start {
	in := contract.ReturnInput{
		Case: contract.Case{
			MerchantID: f.caller.MerchantID, CaseID: a.CaseID, OrderID: f.input.OrderID, BuyerID: a.BuyerID,
		},
		Applicant: f.caller.Actor(), Reason: string(f.input.Reason),
	}
	quote := value(a.Judgement)
	if a.Created && a.Judgement != nil {
		// Of a filing that is repeated it is not the one that was pinned.
		in.Judgement = judgementOf(quote)
	}
	units := int64(0)
	for _, l := range f.input.Lines {
		in.Lines = append(in.Lines, contract.LineQuantity{LineID: l.LineID, Quantity: l.Quantity})
		units += l.Quantity
	}
	return start{
		input: in,
		options: client.StartWorkflowOptions{
			ID: in.WorkflowID(), TaskQueue: contract.CasesQueue,
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
			TypedSearchAttributes: temporal.NewSearchAttributes(
				contract.AttributeMerchant.ValueSet(in.MerchantID), contract.AttributeOrder.ValueSet(in.OrderID),
				contract.AttributeCase.ValueSet(in.CaseID), contract.AttributeStage.ValueSet(string(cases.StageReviewing)),
				contract.AttributeNeeds.ValueSet(false), contract.AttributeAmount.ValueSet(quote.Refund.Total.Amount),
			),
			StaticSummary: fmt.Sprintf("Return %s · %s · %s%s", in.CaseID, in.MerchantID, plural(units, "unit"), amount(quote.Refund.Total)),
			StaticDetails: details(in),
		},
	}
}

// start is a workflow about to be started.
type start struct {
	input   contract.ReturnInput
	options client.StartWorkflowOptions
}

// details are for the operator who opens a case in the Temporal UI when nothing else answers, and no worker can tell where
// the case stands: what it is about, where else to look, and what to press.
func details(in contract.ReturnInput) string {
	return fmt.Sprintf("A return for merchant `%s`: order `%s`, buyer `%s`.\n\n"+
		"**Where it stands:** Current Details, beside this, or `GET /v1/cases/%s` and `…/timeline`. "+
		"Money: workflow `%s…`. Return freight: workflow `%s`.\n\n"+
		"**If it cannot go on** (`NeedsAttention`): mend the cause, then More Actions → Send an Update → `retry`, with the input "+
		"`{\"note\": \"why\"}`; `skip` goes on without the step, `resolve` ends the case. No personal data in notes.\n\n"+
		"**If there are no Current Details**, no worker takes its tasks, or its code fails: see Pending Activities and the last "+
		"events of the history; nothing is lost, the case goes on once a worker can. Do not terminate it, and do not reset it "+
		"without reading docs/runbook.md.",
		in.MerchantID, in.OrderID, in.BuyerID, in.CaseID,
		contract.RefundWorkflowID(in.MerchantID, in.CaseID), contract.FreightClaimWorkflowID(in.MerchantID, in.CaseID))
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// amount is money as people write it, in whole units of its currency.
func amount(m money.Money) string {
	unit, err := currency.ParseISO(m.Currency)
	if err != nil {
		return ""
	}
	scale, _ := currency.Standard.Rounding(unit)
	whole, digits := m.Amount, ""
	if scale > 0 {
		minor := int64(math.Pow10(scale))
		whole, digits = m.Amount/minor, fmt.Sprintf(".%0*d", scale, m.Amount%minor)
	}
	return fmt.Sprintf(" · %d%s %s", whole, digits, m.Currency)
}

// open starts the workflow, or joins the one that a request before has started, and waits for its judgement.
func (h *Handlers) open(ctx context.Context, s start) (api.OpenCaseResponseObject, error) {
	waiting, cancel := context.WithTimeout(ctx, h.Limits.Open)
	defer cancel()
	operation := h.Temporal.NewWithStartWorkflowOperation(s.options, contract.ReturnWorkflow, s.input)
	update, err := h.Temporal.UpdateWithStartWorkflow(waiting, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: operation,
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: s.options.ID, UpdateID: openUpdateID, UpdateName: contract.OpenUpdate,
			WaitForStage: client.WorkflowUpdateStageAccepted,
		},
	})
	accepted := err == nil
	if accepted {
		var opened contract.Opened
		err = update.Get(waiting, &opened)
	}
	caseID := s.input.CaseID
	if refusal, ok := refusalOf(err, contract.ErrorNotOpened); ok {
		return nil, notOpened(refusal)
	}
	switch {
	case err == nil || gone(err):
		return h.filed(ctx, caseID, err == nil)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case late(err) && (accepted || h.started(ctx, s.options.ID)):
		return pendingCase(caseID), nil
	default:
		return nil, unanswered(err)
	}
}

// filed answers with the case as the cases service has it. A case that is open for sure is not lost because it cannot
// be read at the moment.
func (h *Handlers) filed(ctx context.Context, caseID string, open bool) (api.OpenCaseResponseObject, error) {
	c, err := h.readCase(ctx, caseID)
	switch {
	case err == nil:
		return openedCase(c), nil
	case open && ctx.Err() == nil:
		return pendingCase(caseID), nil
	}
	if p, ok := problem.As(err); ok && p.Status == http.StatusNotFound {
		return nil, problem.Conflict(CodeNotOpened, "this filing was refused before; file again with a fresh Idempotency-Key")
	}
	return nil, err
}

// notOpened is the problem of a case that could not be opened because of what happened since it was previewed.
func notOpened(r contract.Refusal) error {
	err := refused(r)
	var p *problem.Error
	if errors.As(err, &p) && r.Code == "order_not_found" {
		return problem.NotFound(r.Code, r.Detail)
	}
	return err
}

func location(caseID string) *string {
	path := "/v1/cases/" + caseID
	return &path
}

func openedCase(c cases.Case) api.OpenCaseResponseObject {
	return api.OpenCase201JSONResponse{Body: c, Headers: api.OpenCase201ResponseHeaders{Location: location(c.CaseID)}}
}

func pendingCase(caseID string) api.OpenCaseResponseObject {
	return api.OpenCase202JSONResponse{
		Body: api.CaseRef{CaseID: caseID}, Headers: api.OpenCase202ResponseHeaders{Location: location(caseID)},
	}
}
