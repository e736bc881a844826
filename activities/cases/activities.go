// Package cases is what a workflow may ask of the cases service.
package cases

import (
	"context"

	"aftercare.dev/activities/fault"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/httpclient"
)

// Activities run in the worker. Names are the methods' with [Prefix] before them.
type Activities struct{ client *api.ClientWithResponses }

// Prefix is what the names of these activities begin with.
const Prefix = "cases."

// New returns the activities that call the cases service at the address in o.
func New(o httpclient.Options) (*Activities, error) {
	client, err := api.NewClientWithResponses(o.BaseURL, api.WithHTTPClient(httpclient.New(o)))
	if err != nil {
		return nil, err
	}
	return &Activities{client: client}, nil
}

// CaseRef names a case.
type CaseRef struct {
	MerchantID string `json:"merchant_id"`
	CaseID     string `json:"case_id"`
}

// Filed names a case that was just filed, and has its judgement if it is known: the one that was pinned with the filing.
type Filed struct {
	CaseRef
	Verdict *Verdict `json:"verdict,omitempty"`
}

// Step is a step of a case.
type Step struct {
	CaseRef
	Step api.Step `json:"step"`
}

// Note is what somebody said on a case.
type Note struct {
	CaseRef
	Input api.NoteInput `json:"input"`
}

// Inspection is what the warehouse accepted of a case.
type Inspection struct {
	CaseRef
	Input api.SettlementInput `json:"input"`
}

// Verdict is what a workflow needs of a judgement; the whole of it stays in the service.
type Verdict struct {
	Decision api.JudgementDecision `json:"decision"`
	Currency string                `json:"currency"`
	Refund   api.RefundQuote       `json:"refund"`
	// Lines are what each line is worth if all of it is accepted.
	Lines   []api.SettledLine `json:"lines"`
	Insured bool              `json:"insured"`
	Clocks  api.Clocks        `json:"clocks"`
	// Rules are the ids of the rules that decided.
	Rules []string `json:"rules"`
}

// Judge judges the application and pins the policy, once. What is known is not asked. It is the answer all the same: a
// worker of the release before asks always, and has to find an answer in the history of a case that it takes over, as one of
// this release does in the history that the other began.
func (a *Activities) Judge(ctx context.Context, in Filed) (Verdict, error) {
	if in.Verdict != nil {
		return *in.Verdict, nil
	}
	answer, err := a.client.JudgeCaseWithResponse(ctx, in.MerchantID, in.CaseID)
	if err != nil {
		return Verdict{}, fault.From(err)
	}
	judgement, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return Verdict{}, fault.From(err)
	}
	verdict := Verdict{
		Decision: judgement.Decision, Currency: judgement.Currency, Refund: judgement.Refund,
		Insured: judgement.ReturnFreight.Insured, Clocks: judgement.Clocks,
	}
	for _, l := range judgement.Lines {
		verdict.Lines = append(verdict.Lines, api.SettledLine{LineID: l.LineID, Quantity: l.Quantity, Amount: l.Refund})
	}
	for _, rule := range judgement.Rules {
		verdict.Rules = append(verdict.Rules, rule.RuleID)
	}
	return verdict, nil
}

// Record stores a step of the case with its timeline entries and announcements, once.
func (a *Activities) Record(ctx context.Context, in Step) (api.StepResult, error) {
	answer, err := a.client.RecordStepWithResponse(ctx, in.MerchantID, in.CaseID, in.Step)
	if err != nil {
		return api.StepResult{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// StoreNote keeps what somebody said and returns its id, once for its key.
func (a *Activities) StoreNote(ctx context.Context, in Note) (api.NoteRef, error) {
	answer, err := a.client.StoreNoteWithResponse(ctx, in.MerchantID, in.CaseID, in.Input)
	if err != nil {
		return api.NoteRef{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// Settle computes the exact refund for what was accepted.
func (a *Activities) Settle(ctx context.Context, in Inspection) (api.Settlement, error) {
	answer, err := a.client.SettleCaseWithResponse(ctx, in.MerchantID, in.CaseID, in.Input)
	if err != nil {
		return api.Settlement{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}
