package split

import (
	"context"
	"log/slog"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	logistics "aftercare.dev/services/logistics/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/reconcile"
)

// Clock stands for the hours that nobody waits for here. In this fast world a provider gives up telling its news within a
// second, and a process that was dead for two missed it; workflows then ask by themselves after a minute (refunds), an
// hour (claims) or six (parcels). The clock has the carrier and the insurer asked now, and wakes the workflows. It says nothing
// that is true or not: a workflow that is woken asks the service that knows.
type Clock struct {
	temporal  client.Client
	logistics *logistics.ClientWithResponses
}

// Clock returns the clock of a house that runs. The caller closes it.
func (h *House) Clock(ctx context.Context) (*Clock, error) {
	url := h.balancers["logistics"].URL
	service, err := logistics.NewClientWithResponses(url, logistics.WithHTTPClient(httpclient.New(httpclient.Options{
		BaseURL: url, Token: config.Secret(h.Keys.ServiceTokenOf("worker")),
	})))
	if err != nil {
		return nil, err
	}
	c, err := client.DialContext(ctx, client.Options{
		HostPort: h.Temporal, Namespace: "aftercare", Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return nil, err
	}
	return &Clock{temporal: c, logistics: service}, nil
}

// Close ends its connection to Temporal.
func (c *Clock) Close() { c.temporal.Close() }

// Strike wakes what works for a case. What has ended needs no waking. Without a shipment the carrier is not asked.
func (c *Clock) Strike(ctx context.Context, merchantID, caseID, shipmentID string) {
	// What fails here is done by the next stroke.
	now := true
	if shipmentID != "" {
		_, _ = c.logistics.GetShipmentWithResponse(ctx, merchantID, shipmentID, &logistics.GetShipmentParams{Refresh: &now})
	}
	_, _ = c.logistics.GetInsuranceClaimWithResponse(ctx, merchantID, caseID, &logistics.GetInsuranceClaimParams{Refresh: &now})
	for workflowID, wake := range map[string]struct{ signal, subject string }{
		contract.CaseWorkflowID(merchantID, caseID):         {contract.CarrierEvent, shipmentID},
		contract.RefundWorkflowID(merchantID, caseID+"-r1"): {contract.PaymentEvent, caseID + "-r1"},
		contract.FreightClaimWorkflowID(merchantID, caseID): {contract.InsurerEvent, caseID},
	} {
		event := contract.Event{EventID: ids.New("evt"), Subject: wake.subject}
		_ = c.temporal.SignalWorkflow(ctx, workflowID, "", wake.signal, event)
	}
}

// Morning has the bills of the days before compared now, as the schedule does each morning. One that goes on already is not
// joined by another.
func (c *Clock) Morning(ctx context.Context) {
	// What fails here is done by the next morning.
	_ = c.temporal.ScheduleClient().GetHandle(ctx, contract.ReconcileID).Trigger(ctx, client.ScheduleTriggerOptions{
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP,
	})
}

// Compare has the bills of some days, each as 2006-01-02, compared, and returns what came of it. The bill of the running day
// does for a house at rest only: what succeeds meanwhile is not in it.
func (c *Clock) Compare(ctx context.Context, days ...string) (reconcile.Report, error) {
	var report reconcile.Report
	run, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: contract.CasesQueue},
		contract.ReconcileWorkflow, contract.ReconcileInput{Days: days})
	if err != nil {
		return report, err
	}
	err = run.Get(ctx, &report)
	return report, err
}
