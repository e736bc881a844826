package sweep

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/timestamppb"

	"aftercare.dev/services/cases/api"
)

// house is a Temporal and a cases service with what a test puts into them.
type house struct {
	mu sync.Mutex
	// workflows are those that exist, by id; listed are those that visibility believes to run.
	workflows map[string]*workflowservice.DescribeWorkflowExecutionResponse
	listed    []string
	open      []api.OpenCase
	closed    map[string]time.Time
	// moved are cases that have moved on since they were listed.
	moved     map[string]bool
	described int
}

func newHouse() *house {
	return &house{workflows: map[string]*workflowservice.DescribeWorkflowExecutionResponse{}, closed: map[string]time.Time{}, moved: map[string]bool{}}
}

func (h *house) runs(id, stage string, change ...func(*workflowservice.DescribeWorkflowExecutionResponse)) {
	field, _ := converter.GetDefaultDataConverter().ToPayload(stage)
	w := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING, StartTime: timestamppb.New(ago(24 * time.Hour)),
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{"CaseStage": field}},
	}}
	for _, c := range change {
		c(w)
	}
	h.workflows[id] = w
	h.listed = append(h.listed, id)
}

func (h *house) opens(n int, stage api.Stage) string {
	id := fmt.Sprintf("c%04d", n)
	h.open = append(h.open, api.OpenCase{MerchantID: "m1", CaseID: id, Stage: stage, Version: 3, Expected: true, UpdatedAt: ago(time.Hour)})
	return id
}

// DescribeWorkflowExecution implements describer.
func (h *house) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.described++
	if w, ok := h.workflows[id]; ok {
		return w, nil
	}
	return nil, serviceerror.NewNotFound("no such workflow")
}

// ListWorkflow implements describer; pages have two workflows.
func (h *house) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	all := slices.DeleteFunc(slices.Clone(h.listed), func(id string) bool {
		return strings.HasPrefix(id, "case/") != strings.Contains(r.Query, "'Return'")
	})
	from := len(r.NextPageToken)
	answer := &workflowservice.ListWorkflowExecutionsResponse{}
	for _, id := range all[from:min(from+2, len(all))] {
		answer.Executions = append(answer.Executions, &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: id}, StartTime: timestamppb.New(ago(24 * time.Hour)),
		})
	}
	if from+2 < len(all) {
		answer.NextPageToken = make([]byte, from+2)
	}
	return answer, nil
}

func write(out http.ResponseWriter, answer any) {
	content, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	_, _ = out.Write(content)
}

func (h *house) serve(out http.ResponseWriter, r *http.Request) {
	out.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/v1/open-cases" {
		after := r.URL.Query().Get("after_case_id")
		page := []api.OpenCase{}
		for _, c := range h.open {
			if c.CaseID > after && len(page) < pageSize {
				page = append(page, c)
			}
		}
		write(out, api.OpenCases{Items: page})
		return
	}
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	for _, c := range h.open {
		if c.CaseID == id {
			version := c.Version
			if h.moved[id] {
				version++
			}
			write(out, api.Case{CaseID: id, Stage: c.Stage, Status: api.StatusOpen, Version: version})
			return
		}
	}
	if at, ok := h.closed[id]; ok {
		write(out, api.Case{CaseID: id, Stage: api.StageClosed, Status: api.StatusClosed, ClosedAt: &at})
		return
	}
	out.Header().Set("Content-Type", "application/problem+json")
	out.WriteHeader(http.StatusNotFound)
	_, _ = out.Write([]byte(`{"type":"about:blank","title":"no","status":404,"code":"case_not_found"}`))
}

// sweep goes both ways and returns what was found, as "kind workflow case code".
func (h *house) sweep(t *testing.T) ([]string, *sweeping) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(h.serve))
	defer server.Close()
	client, err := api.NewClientWithResponses(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := &sweeping{
		in:  Input{CaseTypes: []string{"Return"}, CasePrefix: "case", ChildTypes: []string{"Refund"}, StageAttribute: "CaseStage", Grace: grace},
		now: now, cases: client, temporal: h, log: log.NewStructuredLogger(slog.New(slog.DiscardHandler)), alive: func() {}, counts: map[api.FindingKind]int64{},
	}
	if err := s.openCases(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.runningWorkflows(t.Context()); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range s.found {
		found = append(found, fmt.Sprintf("%s %s %s %s", f.Kind, f.WorkflowID, f.CaseID, f.Code))
	}
	slices.Sort(found)
	return found, s
}

func failing(w *workflowservice.DescribeWorkflowExecutionResponse) {
	w.WorkflowExecutionInfo.ParentExecution = &commonpb.WorkflowExecution{WorkflowId: "case/m1/c0001"}
	w.PendingActivities = []*workflowpb.PendingActivityInfo{{ActivityType: &commonpb.ActivityType{Name: "payment.Submit"}, Attempt: 9}}
}

func TestASweepFindsWhatDiffersBothWaysAndNothingElse(t *testing.T) {
	h := newHouse()
	for n := range 3*pageSize + 1 {
		h.runs("case/m1/"+h.opens(n, api.StageInspecting), "inspecting")
	}
	h.opens(901, api.StageInspecting)                                 // no workflow
	h.runs("case/m1/"+h.opens(902, api.StageInspecting), "refunding") // behind
	moving := h.opens(903, api.StageInspecting)                       // behind when it was listed
	h.runs("case/m1/"+moving, "refunding")
	h.moved[moving] = true
	h.runs("case/m1/c9904", "closed") // still runs
	h.closed["c9904"] = ago(time.Hour)
	h.runs("case/m1/c9905", "closed") // ends this moment
	h.closed["c9905"] = ago(time.Second)
	h.runs("case/m1/c9906", "reviewing")         // nothing recorded
	h.listed = append(h.listed, "case/m1/c9907") // visibility is late: it has ended
	h.runs("refund/m1/c0001-r1", "", failing)
	h.runs("refund/m1/c0002-r1", "")

	found, s := h.sweep(t)
	want := []string{
		"activity_failing refund/m1/c0001-r1 c0001 payment.Submit:unknown",
		"case_without_workflow case/m1/c0901 c0901 no_workflow",
		"closed_case_with_running_workflow case/m1/c9904 c9904 still_running",
		"stage_differs case/m1/c0902 c0902 inspecting!=refunding",
		"workflow_without_case case/m1/c9906 c9906 nothing_recorded",
	}
	if !slices.Equal(found, want) {
		t.Errorf("found %q\nwant %q", found, want)
	}
	r := s.report()
	if r.Cases != 3*pageSize+4 || r.Total() != int64(len(want)) || len(r.Examples) != len(want) {
		t.Errorf("reported %+v", r)
	}
}

func TestASweepOfAHouseOnFireStaysSmall(t *testing.T) {
	h := newHouse()
	for n := range kept + 200 {
		h.opens(n, api.StageInspecting)
	}
	_, s := h.sweep(t)
	r := s.report()
	if r.Total() != kept+200 || len(s.found) != kept || len(r.Examples) != shown {
		t.Errorf("%d findings, %d kept, %d shown", r.Total(), len(s.found), len(r.Examples))
	}
}
