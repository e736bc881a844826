package e2e

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	activitypb "go.temporal.io/api/activity/v1"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"aftercare.dev/deploy/sandbox"
	"aftercare.dev/deploy/split"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/setup"
)

// TestAnOperatorLeadsEveryStuckCaseOn goes the way of docs/operators.md, through the same updates, in a house whose parts
// are made to fail: what is stuck is found, says why, and goes on.
func TestAnOperatorLeadsEveryStuckCaseOn(t *testing.T) {
	faulty := faultyWorker(t)
	// No courier comes by himself while the test looks.
	a := startApart(t, split.Options{TimeScale: 60})
	o := &operations{shop: newShop(t, a.house), a: a, temporal: a.house.dial(t)}
	o.setUpTwiceAtOnce()

	// One shop goes through all of it: what one part leaves behind would be found by the next.
	_ = t.Run("a provider is down for hours", o.in(providerDown)) &&
		t.Run("credentials are wrong", o.in(wrongCredentials)) &&
		t.Run("an activity has a bug, and a case is poisoned", o.in(func(o *operations) { faultyRelease(o, faulty) })) &&
		t.Run("a case is lost", o.in(lostCase))
}

// operations are an operator's hands.
type operations struct {
	*shop
	a        *apart
	temporal client.Client
}

// in is the operator in a part of the test.
func (o *operations) in(part func(*operations)) func(*testing.T) {
	return func(t *testing.T) {
		o.t = t
		for _, who := range []*person{o.storefront, o.agent, o.warehouse, o.finance, o.operator, o.administrator} {
			who.t = t
		}
		part(o)
	}
}

// setUpTwiceAtOnce is the set-up as two releases at the same time would do it, in a namespace that is ready, and once more.
func (o *operations) setUpTwiceAtOnce() {
	o.t.Helper()
	cfg := setup.Config{Patience: patience, Reconcile: "30 2 * * *"}
	done := make(chan error, 2)
	for range 2 {
		go func() {
			done <- setup.Run(context.Background(), o.temporal, namespace, cfg, slog.New(slog.DiscardHandler))
		}()
	}
	require.NoError(o.t, <-done)
	require.NoError(o.t, <-done)
	require.NoError(o.t, setup.Run(context.Background(), o.temporal, namespace, cfg, slog.New(slog.DiscardHandler)))
	described, err := o.temporal.ScheduleClient().GetHandle(context.Background(), contract.SweepID).Describe(context.Background())
	require.NoError(o.t, err)
	require.Equal(o.t, contract.SweepEvery, described.Schedule.Spec.Intervals[0].Every)
}

// press sends an update with an input as it is typed into the Temporal UI, or behind --input of the CLI.
func (o *operations) press(caseID string, action contract.Action, input string) (contract.Acted, error) {
	o.t.Helper()
	ctx, stop := patiently()
	defer stop()
	handle, err := o.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: contract.CaseWorkflowID(o.merchant, caseID), UpdateID: ids.New("typed"), UpdateName: string(action),
		Args: []any{json.RawMessage(input)}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(o.t, err)
	var acted contract.Acted
	err = handle.Get(ctx, &acted)
	return acted, err
}

// found are the kinds and codes of what a sweep that runs now finds of a case, empty for nothing.
func (o *operations) found(caseID string) string {
	o.t.Helper()
	ctx, stop := patiently()
	defer stop()
	run, err := o.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: ids.New("sweep"), TaskQueue: contract.CasesQueue},
		contract.SweepWorkflow, contract.SweepInput{GraceSeconds: 1})
	require.NoError(o.t, err)
	require.NoError(o.t, run.Get(ctx, nil))
	var all []string
	for _, f := range into[cases.Findings](o.operator.get("/v1/findings")).Items {
		if f.CaseID == caseID {
			all = append(all, string(f.Kind)+" "+f.Code)
		}
	}
	return strings.Join(all, ", ")
}

// listed waits until a saved query of docs/operators.md finds the case.
func (o *operations) listed(caseID, query string) {
	o.t.Helper()
	eventually(o.t, "found by "+query, func() bool {
		answer, err := o.temporal.ListWorkflow(context.Background(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		require.NoError(o.t, err)
		for _, w := range answer.Executions {
			if w.Execution.WorkflowId == contract.CaseWorkflowID(o.merchant, caseID) {
				return true
			}
		}
		return false
	})
}

// runsOut ends the patience of half an hour with an activity: its next attempt is the last one, and comes at once.
func (o *operations) runsOut(caseID, activity string) {
	o.t.Helper()
	ctx, stop := patiently()
	defer stop()
	execution := &commonpb.WorkflowExecution{WorkflowId: contract.CaseWorkflowID(o.merchant, caseID)}
	last := &workflowservice.UpdateActivityOptionsRequest{
		Namespace: namespace, Execution: execution, Activity: &workflowservice.UpdateActivityOptionsRequest_Type{Type: activity},
		ActivityOptions: &activitypb.ActivityOptions{RetryPolicy: &commonpb.RetryPolicy{MaximumAttempts: 1}},
		UpdateMask:      &fieldmaskpb.FieldMask{Paths: []string{"retry_policy.maximum_attempts"}},
	}
	eventually(o.t, activity+" runs", func() bool {
		_, err := o.temporal.WorkflowService().UpdateActivityOptions(ctx, last)
		return err == nil
	})
	_, err := o.temporal.WorkflowService().ResetActivity(ctx, &workflowservice.ResetActivityRequest{
		Namespace: namespace, Execution: execution, Activity: &workflowservice.ResetActivityRequest_Type{Type: activity},
	})
	if err != nil {
		// It ended in between.
		var ended *serviceerror.NotFound
		require.ErrorAs(o.t, err, &ended)
	}
}

// booked is a case that waits for the courier.
func (o *operations) booked() cases.Case {
	o.t.Helper()
	c := o.file(application(o.sell("b1", once, uninsured)))
	does(o.storefront, c.CaseID, "book-pickup", nil)
	return o.until(c.CaseID, "booked", func(c cases.Case) bool { return c.Shipment != nil && c.Shipment.State == "booked" })
}

// callsOff is a buyer who wants no courier; nobody waits for the answer.
func (o *operations) callsOff(caseID string) {
	buyer := &person{t: o.t, url: o.storefront.url, token: o.storefront.token}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = buyer.try("POST", "/v1/cases/"+caseID+"/cancel-pickup", map[string]any{})
	}()
	o.t.Cleanup(func() { <-done })
}

// stuck waits until a case says that it cannot go on, wherever an operator looks.
func (o *operations) stuck(caseID, reason string) {
	o.t.Helper()
	c := o.until(caseID, "for an operator", func(c cases.Case) bool { return c.Attention != nil })
	seen := into[cases.Case](o.operator.get("/v1/cases/" + caseID))
	require.Equal(o.t, reason, seen.Attention.Reason)
	require.NotEmpty(o.t, c.NextActions)
	o.listed(caseID, "NeedsAttention = true AND AttentionReason = '"+reason+"' AND MerchantId = '"+o.merchant+"' AND ExecutionStatus = 'Running'")
	page := into[cases.CasePage](o.operator.get("/v1/cases?attention_reason=" + reason)).Items
	require.NotEmpty(o.t, page)
	counts := into[cases.AttentionCounts](o.operator.get("/v1/attention")).Items
	require.Equal(o.t, []cases.AttentionCount{{Reason: reason, Cases: int64(len(page))}}, counts)
}

func providerDown(o *operations) {
	first, second := o.booked(), o.booked()
	down := map[string]any{"system": "carrier", "operation": "cancel", "effect": "lose_request", "times": -1}
	rule := into[struct {
		ID string `json:"id"`
	}](o.h.control(o.t).post("/rules", down))
	for _, c := range []cases.Case{first, second} {
		o.callsOff(c.CaseID)
		o.runsOut(c.CaseID, "logistics.CancelShipment")
		o.until(c.CaseID, "for an operator", func(c cases.Case) bool { return c.Attention != nil })
	}
	o.stuck(first.CaseID, "carrier_unavailable")
	require.Empty(o.t, o.found(first.CaseID), "an operator is expected: nothing is wrong with the case")

	_, err := o.press(first.CaseID, contract.ActionRetry, `{"note":"x","reason":"y"}`)
	require.ErrorContains(o.t, err, "there is no such field")
	_, err = o.press(first.CaseID, contract.ActionSkip, `{}`)
	require.ErrorContains(o.t, err, "say why")

	// The carrier is back.
	o.h.control(o.t).ask("DELETE", "/rules/"+rule.ID, nil).fine()
	acted, err := o.press(first.CaseID, contract.ActionRetry, `{"note":"the carrier is back"}`)
	require.NoError(o.t, err)
	require.Equal(o.t, string(cases.StageWaitingShipment), acted.Stage)
	o.told(first.CaseID, "temporal", "the carrier is back")

	body := map[string]any{"action": "retry", "note": "carrier back, all at once", "filter": map[string]any{"reason": "carrier_unavailable"}}
	again := key()
	for range 2 {
		// The second request finds nothing to do: its filter does not match any more.
		o.operator.post("/v1/cases/actions", body, again...).fine()
	}
	o.reaches(second.CaseID, cases.StageWaitingShipment)
	o.told(second.CaseID, "operator-1", "carrier back, all at once")
	require.Empty(o.t, into[cases.AttentionCounts](o.operator.get("/v1/attention")).Items)
	o.closes(first.CaseID, second.CaseID)
}

// told fails the test unless the timeline tells who resolved the matter, and their words, once.
func (o *operations) told(caseID, who, words string) {
	o.t.Helper()
	resolved := 0
	for _, e := range o.timeline(caseID) {
		if e.Type != "case.attention_resolved" {
			continue
		}
		resolved++
		require.Equal(o.t, who, e.Actor.ID)
		require.NotNil(o.t, e.Note, "what was typed is a note")
		require.Equal(o.t, words, e.Note.Text)
	}
	require.Equal(o.t, 1, resolved)
}

// closes ends cases as any others.
func (o *operations) closes(caseIDs ...string) {
	o.t.Helper()
	for _, id := range caseIDs {
		does(o.warehouse, id, "receive", nil)
		does(o.warehouse, id, "inspect", intact())
		o.ends(id, cases.OutcomeRefunded)
	}
}

func wrongCredentials(o *operations) {
	payment := o.a.Process("payment-1")
	restart := func(serial string) {
		o.t.Helper()
		payment.With("WECHATPAY_MERCHANT_SERIAL=" + serial)
		o.a.does(payment.Stop)
		o.a.does(payment.Restart)
	}
	credentials, err := sandbox.EnsureKeys(filepath.Join(o.h.dir, "sandbox", "keys"))
	require.NoError(o.t, err)
	restart("0000000000000000000000000000000000000000")
	orderID := o.sell("b1", once, uninsured)
	c := o.accepted(orderID)
	o.stuck(c.CaseID, "refund_refused")
	o.listed(c.CaseID, "RefundState = 'needs_attention' AND ExecutionStatus = 'Running'")
	parts := o.refunds(c.CaseID)[0].Parts
	require.Equal(o.t, "SIGN_ERROR", *parts[0].Code, "finance sees what the provider says")

	restart(credentials.WechatPay.Merchants[0].SerialNo)
	does(o.finance, c.CaseID, "resolve-refund", map[string]any{"resolution": "retry", "note": "the certificate was renewed"})
	o.ends(c.CaseID, cases.OutcomeRefunded)
	o.paid(orderID, worth, 1)
}

func faultyRelease(o *operations, faulty split.Programs) {
	calledOff, poisoned := o.booked(), o.booked()
	worker := o.a.Process("worker-cases-1")
	deploy := func(programs split.Programs) {
		o.t.Helper()
		worker.Use(programs)
		o.a.does(worker.Stop)
		o.a.does(worker.Restart)
	}
	good, err := programs()
	require.NoError(o.t, err)
	deploy(faulty)

	o.callsOff(calledOff.CaseID)
	o.h.steer(o.t, o.bookingOf(poisoned.CaseID), "picked_up")
	o.listed(poisoned.CaseID, "TemporalReportedProblems IS NOT NULL")
	eventually(o.t, "the poisoned case found", func() bool {
		return strings.HasPrefix(o.found(poisoned.CaseID), "workflow_problem WorkflowTaskFailedCause")
	})
	eventually(o.t, "the failing activity found", func() bool {
		return o.found(calledOff.CaseID) == "activity_failing logistics.CancelShipment:PanicError"
	})
	o.runsOut(calledOff.CaseID, "logistics.CancelShipment")
	o.stuck(calledOff.CaseID, "unexpected")

	deploy(good)
	o.reaches(poisoned.CaseID, cases.StageInTransit)
	_, err = o.press(calledOff.CaseID, contract.ActionRetry, `{"note":"corrected release","actor":{"role":"operator","id":"op-7"}}`)
	require.NoError(o.t, err)
	o.told(calledOff.CaseID, "op-7", "corrected release")
	eventually(o.t, "nothing more found", func() bool {
		return o.found(poisoned.CaseID)+o.found(calledOff.CaseID) == ""
	})
	o.closes(calledOff.CaseID, poisoned.CaseID)
}

// bookingOf is the task of a case's courier at the carrier.
func (o *operations) bookingOf(caseID string) string {
	o.t.Helper()
	tasks := o.bookings(caseID)
	require.Len(o.t, tasks, 1)
	for task := range tasks {
		return task
	}
	return ""
}

func lostCase(o *operations) {
	c := o.file(judged(o.sell("b1", once, uninsured)))
	require.Empty(o.t, o.found(c.CaseID))
	require.NoError(o.t, o.temporal.TerminateWorkflow(context.Background(), contract.CaseWorkflowID(o.merchant, c.CaseID), "", "by mistake"))
	eventually(o.t, "the loss found", func() bool { return o.found(c.CaseID) == "workflow_failed workflow_terminated" })

	o.reset(c.CaseID)
	eventually(o.t, "nothing more found", func() bool { return o.found(c.CaseID) == "" })
	does(o.agent, c.CaseID, "approve", nil)
	does(o.storefront, c.CaseID, "ship", selfShip())
	o.closes(c.CaseID)
}

// reset has a case go on from its last workflow task, as "temporal workflow reset --type LastWorkflowTask" does.
func (o *operations) reset(caseID string) {
	o.t.Helper()
	ctx, stop := patiently()
	defer stop()
	execution := &commonpb.WorkflowExecution{WorkflowId: contract.CaseWorkflowID(o.merchant, caseID)}
	last := int64(0)
	for events := o.temporal.GetWorkflowHistory(ctx, execution.WorkflowId, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		require.NoError(o.t, err)
		if event.EventType == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			last = event.EventId
		}
	}
	_, err := o.temporal.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: namespace, WorkflowExecution: execution, WorkflowTaskFinishEventId: last, Reason: "terminated by mistake", RequestId: ids.New("reset"),
	})
	require.NoError(o.t, err)
}

// faultyWorker is a release of the worker with two bugs: the activity that calls a courier off panics, and so does the
// workflow that looks at a parcel of which the carrier reported something.
func faultyWorker(t *testing.T) split.Programs {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	replaced := map[string]string{}
	for file, method := range map[string]string{
		"activities/logistics/activities.go": "func (a *Activities) CancelShipment(",
		"workflows/returns/parcel.go":        "func (r *returning) look(",
	} {
		content, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		before, after, ok := strings.Cut(string(content), method)
		require.True(t, ok, "%s has no %s", file, method)
		signature, body, ok := strings.Cut(after, "{\n")
		require.True(t, ok)
		bug := filepath.Join(t.TempDir(), filepath.Base(file))
		require.NoError(t, os.WriteFile(bug, []byte(before+method+signature+"{\n\tpanic(\"a bug\")\n"+body), 0o600))
		replaced[filepath.Join(root, file)] = bug
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(path, overlay, 0o600))
	before := os.Getenv("GOFLAGS")
	t.Setenv("GOFLAGS", strings.TrimSpace(before+" -overlay="+path))
	built, err := split.Build(context.Background(), filepath.Join(t.TempDir(), "faulty"), "worker")
	require.NoError(t, err)
	t.Setenv("GOFLAGS", before)
	return built
}
