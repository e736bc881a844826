package sweep

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/log"

	"aftercare.dev/services/cases/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/httpclient"
)

const (
	// pageSize is how many cases or workflows are in memory at once.
	pageSize = 100
	// atOnce is how many of them are under way together: nobody is to feel the sweep.
	atOnce = 8
	// kept is how many findings the cases service takes; more of them tell nothing new.
	kept = 1000
	// shown is how many of them are in the result of the workflow.
	shown = 20
	// nobody is the merchant of a payment that no order has.
	nobody = "unknown"
	// maxCode is how long a code is at most.
	maxCode = 128
)

// sweeping is a sweep under way.
type sweeping struct {
	in       Input
	now      time.Time
	cases    *api.ClientWithResponses
	payment  *payment.ClientWithResponses
	temporal describer
	log      log.Logger
	// alive tells the server that the activity goes on. It may be called side by side.
	alive func()

	mu              sync.Mutex
	seen, workflows int64
	counts          map[api.FindingKind]int64
	found           []Finding
}

// openCases goes from the cases to the workflows.
func (s *sweeping) openCases(ctx context.Context) error {
	var merchantID, caseID string
	for {
		page, err := s.openAfter(ctx, merchantID, caseID)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := each(page, func(c api.OpenCase) error { return s.openCase(ctx, c) }); err != nil {
			return err
		}
		last := page[len(page)-1]
		merchantID, caseID = last.MerchantID, last.CaseID
		s.seen += int64(len(page))
	}
}

func (s *sweeping) openAfter(ctx context.Context, merchantID, caseID string) ([]api.OpenCase, error) {
	limit := pageSize
	answer, err := s.cases.ListOpenCasesWithResponse(ctx, &api.ListOpenCasesParams{
		AfterMerchantID: &merchantID, AfterCaseID: &caseID, Limit: &limit,
	})
	if err != nil {
		return nil, err
	}
	page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return page.Items, err
}

// openCase compares a case with its workflow, and once more if they do not fit: the case may have moved in between.
func (s *sweeping) openCase(ctx context.Context, c api.OpenCase) error {
	id := strings.Join([]string{s.in.CasePrefix, c.MerchantID, c.CaseID}, "/")
	e, err := s.describe(ctx, id)
	if err != nil {
		return err
	}
	if _, wrong := compare(c, e, s.now, s.in.Grace); !wrong {
		return nil
	}
	now, err := s.getCase(ctx, c.MerchantID, c.CaseID)
	if err != nil || now == nil || now.Status != api.StatusOpen || now.Version != c.Version {
		return err
	}
	if e, err = s.describe(ctx, id); err != nil {
		return err
	}
	if found, wrong := compare(c, e, s.now, s.in.Grace); wrong {
		s.note(c.MerchantID, c.CaseID, id, found)
	}
	return nil
}

// getCase is nil if nothing is recorded.
func (s *sweeping) getCase(ctx context.Context, merchantID, caseID string) (*api.Case, error) {
	answer, err := s.cases.GetCaseWithResponse(ctx, merchantID, caseID, nil)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode() == http.StatusNotFound {
		return nil, nil
	}
	c, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return &c, err
}

// runningWorkflows goes from the workflows to the cases. Those whose case is open were looked at before.
func (s *sweeping) runningWorkflows(ctx context.Context) error {
	visit := func(look func(context.Context, *workflowpb.WorkflowExecutionInfo) error) func([]*workflowpb.WorkflowExecutionInfo) error {
		return func(page []*workflowpb.WorkflowExecutionInfo) error {
			err := each(page, func(w *workflowpb.WorkflowExecutionInfo) error { return look(ctx, w) })
			s.workflows += int64(len(page))
			return err
		}
	}
	return errors.Join(
		s.running(ctx, s.in.CaseTypes, visit(s.caseWorkflow)),
		s.running(ctx, s.in.ChildTypes, visit(s.childWorkflow)),
	)
}

// caseWorkflow finds workflows that no open case belongs to.
func (s *sweeping) caseWorkflow(ctx context.Context, w *workflowpb.WorkflowExecutionInfo) error {
	id := w.GetExecution().GetWorkflowId()
	merchantID, caseID, ok := s.caseOf(id)
	if !ok || s.now.Sub(at(w.GetStartTime())) < s.in.Grace {
		return nil
	}
	s.alive()
	recorded, err := s.getCase(ctx, merchantID, caseID)
	if err != nil || recorded != nil && recorded.Status == api.StatusOpen {
		return err
	}
	e, err := s.describe(ctx, id)
	if err != nil || !e.running() {
		return err
	}
	if found, wrong := problem(e, s.now); wrong {
		s.note(merchantID, caseID, id, found)
		return nil
	}
	if recorded, err = s.getCase(ctx, merchantID, caseID); err != nil {
		return err
	}
	switch {
	case recorded == nil:
		s.note(merchantID, caseID, id, Finding{Kind: api.WorkflowWithoutCase, Code: "nothing_recorded", Since: e.started})
	case recorded.ClosedAt != nil && s.now.Sub(*recorded.ClosedAt) >= s.in.Grace:
		s.note(merchantID, caseID, id, Finding{Kind: api.ClosedCaseWithRunningWorkflow, Code: "still_running", Since: *recorded.ClosedAt})
	}
	return nil
}

// childWorkflow finds children that do not go on. Whose they are is in their ids.
func (s *sweeping) childWorkflow(ctx context.Context, w *workflowpb.WorkflowExecutionInfo) error {
	id := w.GetExecution().GetWorkflowId()
	parts := strings.Split(id, "/")
	if len(parts) != 3 {
		return nil
	}
	e, err := s.describe(ctx, id)
	if err != nil || !e.running() {
		return err
	}
	if found, wrong := problem(e, s.now); wrong {
		_, caseID, _ := s.caseOf(e.parent)
		s.note(parts[1], caseID, id, found)
	}
	return nil
}

// strayMoney finds differences with a provider that no case can be told of.
func (s *sweeping) strayMoney(ctx context.Context) error {
	state, size, cursor := payment.Open, pageSize, (*string)(nil)
	for {
		s.alive()
		answer, err := s.payment.ListAllDifferencesWithResponse(ctx, &payment.ListAllDifferencesParams{State: &state, Limit: &size, Cursor: cursor})
		if err != nil {
			return err
		}
		page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
		if err != nil {
			return err
		}
		for _, d := range page.Items {
			if d.CaseID == "" {
				s.note(cmp.Or(d.MerchantID, nobody), "", "difference/"+d.DifferenceID, Finding{
					Kind: api.MoneyWithoutCase, Code: string(d.Kind), Since: d.CreatedAt,
				})
			}
		}
		if cursor = page.NextCursor; cursor == nil {
			return nil
		}
	}
}

func (s *sweeping) caseOf(workflowID string) (merchantID, caseID string, ok bool) {
	parts := strings.Split(workflowID, "/")
	if len(parts) != 3 || parts[0] != s.in.CasePrefix {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// note keeps a finding and tells the log.
func (s *sweeping) note(merchantID, caseID, workflowID string, f Finding) {
	f.MerchantID, f.CaseID, f.WorkflowID = merchantID, caseID, workflowID
	if len(f.Code) > maxCode {
		f.Code = f.Code[:maxCode]
	}
	s.log.Warn("the sweep found a case that is not as it should be", "kind", string(f.Kind), "merchant_id", merchantID,
		"case_id", caseID, "workflow_id", workflowID, "code", f.Code, "since", f.Since)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[f.Kind]++
	if len(s.found) < kept {
		s.found = append(s.found, f)
	}
}

func (s *sweeping) report() Report {
	r := Report{Cases: s.seen, Workflows: s.workflows, Examples: s.found[:min(len(s.found), shown)]}
	for _, kind := range kinds {
		r.Counts = append(r.Counts, Count{Kind: kind, Found: s.counts[kind]})
	}
	return r
}

// each looks at a page, some at once, and joins the errors.
func each[T any](page []T, look func(T) error) error {
	errs := make([]error, len(page))
	var looking sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i, item := range page {
		free <- struct{}{}
		looking.Go(func() {
			defer func() { <-free }()
			errs[i] = look(item)
		})
	}
	looking.Wait()
	return errors.Join(errs...)
}
