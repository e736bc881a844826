// Package sweep compares what Temporal runs with what the cases service has recorded, both ways, and reports what differs
// and what does not go on.
//
// What is written in two places is not written at once, and visibility lags behind: something counts only if it is
// older than a grace, and still so when it is looked at again.
package sweep

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"aftercare.dev/activities/fault"
	"aftercare.dev/services/cases/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/httpclient"
)

// Activities run in the worker. Names are the methods' with [Prefix] before them.
type Activities struct {
	client  *api.ClientWithResponses
	payment *payment.ClientWithResponses
	gauges  *gauges
}

// Prefix is what the names of these activities begin with.
const Prefix = "sweep."

// New returns the activities that call the two services at the addresses in the options, and makes their metrics.
func New(cases, money httpclient.Options) (*Activities, error) {
	client, err := api.NewClientWithResponses(cases.BaseURL, api.WithHTTPClient(httpclient.New(cases)))
	if err != nil {
		return nil, err
	}
	differences, err := payment.NewClientWithResponses(money.BaseURL, payment.WithHTTPClient(httpclient.New(money)))
	if err != nil {
		return nil, err
	}
	g, err := newGauges(time.Now)
	if err != nil {
		return nil, err
	}
	return &Activities{client: client, payment: differences, gauges: g}, nil
}

// Input says what to compare. The names of workflows are the contract's, which activities do not know.
type Input struct {
	// CaseTypes are workflow types of which each workflow is a case, with an id of CasePrefix/merchant/case.
	CaseTypes  []string `json:"case_types"`
	CasePrefix string   `json:"case_prefix"`
	// ChildTypes are workflow types that such workflows start; the merchant is the second part of their ids.
	ChildTypes []string `json:"child_types"`
	// StageAttribute is the search attribute with the stage of a case.
	StageAttribute string        `json:"stage_attribute"`
	Grace          time.Duration `json:"grace"`
}

// Report is what a sweep found.
type Report struct {
	// Cases and Workflows are how many were looked at.
	Cases     int64 `json:"cases"`
	Workflows int64 `json:"workflows"`
	// Counts has every kind, in a fixed order, also those that were not found.
	Counts []Count `json:"counts"`
	// Examples are the first findings; all of them are in the cases service.
	Examples []Finding `json:"examples"`
}

// Total is how many findings there are.
func (r Report) Total() int64 {
	total := int64(0)
	for _, c := range r.Counts {
		total += c.Found
	}
	return total
}

// Count is how many findings there are of a kind.
type Count struct {
	Kind  api.FindingKind `json:"kind"`
	Found int64           `json:"found"`
}

// Finding is a case or workflow that is not as it should be.
type Finding struct {
	Kind       api.FindingKind `json:"kind"`
	MerchantID string          `json:"merchant_id"`
	CaseID     string          `json:"case_id,omitempty"`
	WorkflowID string          `json:"workflow_id"`
	// Code is what exactly.
	Code  string    `json:"code"`
	Since time.Time `json:"since"`
}

// Compare goes through the open cases and then through the running workflows, page by page, and keeps what it found in
// the cases service in place of what the sweep before found.
func (a *Activities) Compare(ctx context.Context, in Input) (Report, error) {
	s := &sweeping{
		in: in, now: time.Now().UTC(), counts: map[api.FindingKind]int64{},
		cases: a.client, payment: a.payment, temporal: activity.GetClient(ctx), log: activity.GetLogger(ctx),
		alive: func() { activity.RecordHeartbeat(ctx) },
	}
	if err := s.openCases(ctx); err != nil {
		return Report{}, fmt.Errorf("go through the open cases: %w", fault.From(err))
	}
	if err := s.runningWorkflows(ctx); err != nil {
		return Report{}, fmt.Errorf("go through the running workflows: %w", fault.From(err))
	}
	if err := s.strayMoney(ctx); err != nil {
		// That the payment service is away must not hide what is known of the cases.
		s.log.Warn("the sweep could not look for money without a case", "error", err)
	}
	report := s.report()
	if err := a.keep(ctx, s, report); err != nil {
		return Report{}, fault.From(err)
	}
	a.gauges.swept(report)
	return report, nil
}

func (a *Activities) keep(ctx context.Context, s *sweeping, report Report) error {
	items := make([]api.FindingInput, len(s.found))
	for i, f := range s.found {
		items[i] = api.FindingInput{
			Kind: f.Kind, MerchantID: f.MerchantID, CaseID: &f.CaseID, WorkflowID: f.WorkflowID, Since: f.Since, Code: f.Code,
		}
	}
	answer, err := a.client.PutFindingsWithResponse(ctx, api.FindingsInput{FinishedAt: time.Now().UTC(), Total: report.Total(), Items: items})
	if err != nil {
		return err
	}
	return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
}
