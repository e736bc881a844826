package e2e

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"aftercare.dev/deploy/split"
	"aftercare.dev/deploy/upgrade"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// released builds the programs of the last release once.
var released = sync.OnceValues(func() (split.Programs, error) {
	return upgrade.Build(context.Background(), upgrade.Last, filepath.Join(workshop, upgrade.Last))
})

// newBuild is the version of the workers of today.
const newBuild = "new"

// The procedure is that of docs/upgrades.md.
func TestAnUpgradeWithWorkerVersioningFailsNoCaseInAnyStage(t *testing.T) {
	a := upgrading(t, map[string]string{"-1": upgrade.Last, "-2": newBuild})
	v := &versions{t: t, h: a.house, c: a.house.dial(t)}
	v.current(upgrade.Last)
	s := newShop(t, a.house)
	at := s.everyStage()

	a.does(func(ctx context.Context) error { return a.Run(ctx, a.named("-2")...) })
	v.ramp(newBuild, 50)
	for range 4 {
		c := s.file(application(s.sell("b20", once, uninsured)))
		at["filed while both take new cases: "+c.CaseID] = c
	}
	v.current(newBuild)
	at["filed on the new version"] = s.file(application(s.sell("b21", once)))
	s.allEnd(at)

	v.drained(upgrade.Last)
	for _, p := range a.named("-1") {
		a.does(p.Stop)
	}
	v.noneFailed()
	moved := 0
	for _, builds := range v.builds(contract.ReturnWorkflow) {
		if len(builds) == 2 {
			moved++
		}
	}
	require.GreaterOrEqual(t, moved, 10, "the cases of the old version went on with the new one")
	ended := map[string]int{}
	for id, builds := range v.builds(contract.RefundWorkflow) {
		require.Len(t, builds, 1, "%s ends with the version that it began with", id)
		ended[builds[0]]++
	}
	require.NotZero(t, ended[upgrade.Last], "the refund that was on its way: %v", ended)
	require.NotZero(t, ended[newBuild], "%v", ended)
}

func TestAnUpgradeOfWorkersWithoutVersionsFailsNoCaseInAnyStage(t *testing.T) {
	a := upgrading(t, nil)
	s := newShop(t, a.house)
	at := s.everyStage()
	a.does(func(ctx context.Context) error { return a.Run(ctx, a.named("-2")...) })
	at["filed while both work"] = s.file(application(s.sell("b20", once)))
	for _, c := range at {
		s.further(s.read(c.CaseID))
	}
	for _, p := range a.named("-1") {
		a.does(p.Stop)
	}
	s.allEnd(at)
	(&versions{t: t, h: a.house}).noneFailed()
}

// upgrading is a house with the programs of the last release running, on the databases of today, and those of today at
// hand. The builds are those of the workers whose names end so; without them workers have no versions.
func upgrading(t *testing.T, builds map[string]string) *apart {
	t.Helper()
	old, err := released()
	require.NoError(t, err)
	a := assemble(t, split.Options{TimeScale: quickly, Instances: 2, DrainDelay: time.Second, SharedToken: true})
	for suffix, build := range builds {
		for _, p := range a.named(suffix) {
			if strings.HasPrefix(p.Name, "worker") {
				p.With("TEMPORAL_DEPLOYMENT_NAME=aftercare", "TEMPORAL_WORKER_BUILD_ID="+build)
			}
		}
	}
	for _, p := range a.named("-1") {
		p.Use(old)
	}
	for _, p := range a.named("-2") {
		// Programs of the last release cannot open sealed values; what they and the new ones write is sealed afterwards.
		p.With("PERSONAL_DATA_SEAL=false")
	}
	a.does(a.Prepare)
	a.does(func(ctx context.Context) error { return a.Run(ctx, a.named("-1")...) })
	return a
}

// everyStage has a case in every stage that is not the end.
func (s *shop) everyStage() map[string]cases.Case {
	s.t.Helper()
	at := map[string]cases.Case{}
	for stage, c := range s.everywhere() {
		at[string(stage)] = c
	}
	s.finish(at[string(cases.StageRefunding)].CaseID)
	order := s.sell("b10", once, uninsured)
	// Its money is on its way while the workers change.
	s.late(order, 15*time.Second)
	at[string(cases.StageRefunding)] = s.accepted(order)

	asked := s.file(judged(s.sell("b11", once, uninsured)))
	does(s.agent, asked.CaseID, "request-info", map[string]any{"note": "a photo, please"})
	at[string(cases.StageWaitingInfo)] = asked
	rejected := s.file(judged(s.sell("b12", once, uninsured)))
	does(s.agent, rejected.CaseID, "reject", map[string]any{"reason": "evidence_insufficient", "note": "nothing to see"})
	at[string(cases.StageRejected)] = rejected
	contesting := s.file(application(s.sell("b13", once, uninsured)))
	s.handIn(contesting.CaseID)
	does(s.warehouse, contesting.CaseID, "inspect", worn())
	at[string(cases.StageContesting)] = contesting
	mixedUp := s.onItsWay(s.sell("b14", once, uninsured))
	does(s.warehouse, mixedUp.CaseID, "receive", map[string]any{"contents": "mixed_up"})
	at[string(cases.StageInvestigating)] = mixedUp
	back := s.onItsWay(s.sell("b15", once, uninsured))
	does(s.storefront, back.CaseID, "withdraw", nil)
	s.h.steer(s.t, *back.Shipment.TrackingNumber, "signed")
	at[string(cases.StageSendingBack)] = back
	for stage, c := range at {
		s.until(c.CaseID, "in stage "+stage, func(c cases.Case) bool {
			// What the world outside moves on by itself may be further.
			return string(c.Stage) == stage || stage == string(cases.StageWaitingPickup) || stage == string(cases.StageSettlingFreight) || stage == string(cases.StageInTransit)
		})
	}
	return at
}

// late has the provider tell of the refunds of an order only after a while.
func (s *shop) late(orderID string, after time.Duration) {
	s.t.Helper()
	s.h.rule(s.t, map[string]any{
		"system": "payment", "operation": "callback", "match": s.match(orderID), "effect": "delay", "ms": after.Milliseconds(),
	})
}

// allEnd takes the cases to their ends, each with what it should have paid.
func (s *shop) allEnd(at map[string]cases.Case) {
	s.t.Helper()
	ids := []string{}
	for _, c := range at {
		ids = append(ids, c.CaseID)
	}
	s.finishAll(ids)
	for stage, c := range at {
		if stage == string(cases.StageSendingBack) {
			s.ends(c.CaseID, cases.OutcomeWithdrawn)
			s.unpaid(c.OrderID)
			continue
		}
		s.ends(c.CaseID, cases.OutcomeRefunded)
		s.paid(c.OrderID, worth, 1)
	}
}

// versions are those of the workers, as Temporal knows them.
type versions struct {
	t testing.TB
	h *house
	c client.Client
}

func (v *versions) deployment() client.WorkerDeploymentHandle {
	return v.c.WorkerDeploymentClient().GetHandle("aftercare")
}

// eventually repeats what is refused until Temporal has seen the workers of a version on all its queues.
func (v *versions) eventually(what string, do func(context.Context) error) {
	v.t.Helper()
	var err error
	defer func() {
		if v.t.Failed() {
			v.t.Log(what, err)
		}
	}()
	eventually(v.t, what, func() bool {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		err = do(ctx)
		return err == nil
	})
}

func (v *versions) current(build string) {
	v.t.Helper()
	v.eventually(build+" is current", func(ctx context.Context) error {
		_, err := v.deployment().SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
		return err
	})
}

func (v *versions) ramp(build string, percent float32) {
	v.t.Helper()
	v.eventually(build+" is ramped", func(ctx context.Context) error {
		_, err := v.deployment().SetRampingVersion(ctx, client.WorkerDeploymentSetRampingVersionOptions{BuildID: build, Percentage: percent})
		return err
	})
}

// drained waits until nothing needs a version any more.
func (v *versions) drained(build string) {
	v.t.Helper()
	eventually(v.t, build+" is drained", func() bool {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		found, err := v.deployment().DescribeVersion(ctx, client.WorkerDeploymentDescribeVersionOptions{BuildID: build})
		return err == nil && found.Info.DrainageInfo != nil &&
			found.Info.DrainageInfo.DrainageStatus == client.WorkerDeploymentVersionDrainageStatusDrained
	})
}

// noneFailed fails the test if a workflow of a case, or a task of one, failed: code that does not fit a history fails its task.
func (v *versions) noneFailed() {
	v.t.Helper()
	// The sweep is younger than the last release: on an old worker it waits for a new one.
	for _, event := range events(v.t, v.h, "WorkflowType IN ('Return', 'Refund', 'FreightClaim')") {
		require.False(v.t, misfits(event), "%v", event)
		require.NotContains(v.t, []enums.EventType{
			enums.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
		}, event.GetEventType(), "%v", event)
	}
}

// builds are the versions that the workflows of a type worked with, by workflow id.
func (v *versions) builds(workflow string) map[string][]string {
	v.t.Helper()
	ctx := context.Background()
	of := map[string][]string{}
	listed, err := v.c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: namespace, PageSize: 1000, Query: "WorkflowType = '" + workflow + "'",
	})
	require.NoError(v.t, err)
	for _, run := range listed.GetExecutions() {
		id := run.GetExecution().GetWorkflowId()
		found := v.c.GetWorkflowHistory(ctx, id, run.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for found.HasNext() {
			event, err := found.Next()
			require.NoError(v.t, err)
			build := event.GetWorkflowTaskCompletedEventAttributes().GetDeploymentVersion().GetBuildId()
			if build != "" && !slices.Contains(of[id], build) {
				of[id] = append(of[id], build)
			}
		}
	}
	return of
}
