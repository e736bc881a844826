package payment

import (
	"context"
	"fmt"
	"time"

	"github.com/oapi-codegen/runtime/types"
	"go.temporal.io/sdk/activity"

	"aftercare.dev/activities/fault"
	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/httpclient"
)

const (
	// comparing is how long the comparison of one day may take. The other calls answer in seconds.
	comparing = 9 * time.Minute
	// beat is how often the activity says meanwhile that it is alive.
	beat = 20 * time.Second
)

// Day is a day of a provider's bill.
type Day struct {
	Provider string `json:"provider"`
	// Date such as 2026-11-21, as the provider counts days.
	Date string `json:"date"`
}

// Reconcile compares the bill of a day with the refunds. A bill that is not there yet: fault.Unavailable.
func (a *Activities) Reconcile(ctx context.Context, in Day) (api.Reconciliation, error) {
	date, err := time.Parse(time.DateOnly, in.Date)
	if err != nil {
		return api.Reconciliation{}, fmt.Errorf("the day %q is no date such as 2026-11-21: %w", in.Date, err)
	}
	defer alive(ctx)()
	answer, err := a.slow.ReconcileDayWithResponse(ctx, in.Provider, types.Date{Time: date})
	if err != nil {
		return api.Reconciliation{}, fault.From(err)
	}
	out, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	return out, fault.From(err)
}

// alive tells the server that the activity goes on, until the function that it returns is called.
func alive(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(beat); ; {
			select {
			case <-tick.C:
				activity.RecordHeartbeat(ctx)
			case <-ctx.Done():
				tick.Stop()
				return
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// Pending is a difference that nobody was told of.
type Pending struct {
	MerchantID   string `json:"merchant_id"`
	CaseID       string `json:"case_id"`
	OrderID      string `json:"order_id"`
	DifferenceID string `json:"difference_id"`
}

// OpenDifferences lists differences of all merchants that have a case and that nobody was told of, the oldest first, up
// to a number. Those without a case are not in it.
func (a *Activities) OpenDifferences(ctx context.Context, limit int) ([]Pending, error) {
	state, cursor := api.Open, ""
	var pending []Pending
	for {
		size := most
		params := &api.ListAllDifferencesParams{State: &state, Limit: &size}
		if cursor != "" {
			params.Cursor = &cursor
		}
		answer, err := a.client.ListAllDifferencesWithResponse(ctx, params)
		if err != nil {
			return nil, fault.From(err)
		}
		page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
		if err != nil {
			return nil, fault.From(err)
		}
		for _, d := range page.Items {
			if d.CaseID == "" {
				continue
			}
			pending = append(pending, Pending{MerchantID: d.MerchantID, CaseID: d.CaseID, OrderID: d.OrderID, DifferenceID: d.DifferenceID})
			if len(pending) >= limit {
				return pending, nil
			}
		}
		if page.NextCursor == nil {
			return pending, nil
		}
		cursor = *page.NextCursor
	}
}
