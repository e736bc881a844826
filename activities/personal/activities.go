// Package personal is what a workflow may ask of the services about people's data: to forget a buyer, and to drop what
// is older than it may be. Only ids go in and only counts come out.
package personal

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"

	"aftercare.dev/activities/fault"
	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	notification "aftercare.dev/services/notification/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
)

// Activities run in the worker. Names are the methods' with [Prefix] before them.
type Activities struct {
	order        *order.ClientWithResponses
	logistics    *logistics.ClientWithResponses
	cases        *cases.ClientWithResponses
	notification *notification.ClientWithResponses
}

// Prefix is what the names of these activities begin with.
const Prefix = "personal."

// Addresses say where the services are.
type Addresses struct {
	Order, Logistics, Cases, Notification httpclient.Options
}

// New returns the activities that call the services at these addresses.
func New(at Addresses) (*Activities, error) {
	var (
		a    Activities
		errs [4]error
	)
	a.order, errs[0] = order.NewClientWithResponses(at.Order.BaseURL, order.WithHTTPClient(httpclient.New(at.Order)))
	a.logistics, errs[1] = logistics.NewClientWithResponses(at.Logistics.BaseURL, logistics.WithHTTPClient(httpclient.New(at.Logistics)))
	a.cases, errs[2] = cases.NewClientWithResponses(at.Cases.BaseURL, cases.WithHTTPClient(httpclient.New(at.Cases)))
	a.notification, errs[3] = notification.NewClientWithResponses(at.Notification.BaseURL,
		notification.WithHTTPClient(httpclient.New(at.Notification)))
	return &a, errors.Join(errs[:]...)
}

// Buyer names a buyer of a merchant.
type Buyer struct {
	MerchantID string `json:"merchant_id"`
	BuyerID    string `json:"buyer_id"`
}

// Dropped counts what is gone.
type Dropped struct {
	// Rows are cases, orders, addresses or messages, whatever the activity is about.
	Rows int64 `json:"rows"`
	// Photos are only of cases.
	Photos int64 `json:"photos,omitempty"`
}

// ForgetCases drops texts and photos of the buyer's cases. While a case is open it is [fault.Conflicting].
func (a *Activities) ForgetCases(ctx context.Context, in Buyer) (Dropped, error) {
	var done Dropped
	var after *string
	for {
		activity.RecordHeartbeat(ctx)
		answer, err := a.cases.EraseBuyerWithResponse(ctx, in.MerchantID, in.BuyerID, cases.EraseBuyerInput{After: after})
		if err != nil {
			return done, fault.From(err)
		}
		page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
		if err != nil {
			return done, fault.From(err)
		}
		done.Rows, done.Photos = done.Rows+page.Cases, done.Photos+page.Photos
		if !page.More {
			return done, nil
		}
		after = &page.Last
	}
}

// ForgetOrders drops the contacts of the buyer's orders, and the addresses, couriers and scans of their parcels. The order
// service names all orders of the buyer whenever it is asked, so that a repetition misses no parcel.
func (a *Activities) ForgetOrders(ctx context.Context, in Buyer) (Dropped, error) {
	var done Dropped
	var after *string
	for {
		activity.RecordHeartbeat(ctx)
		answer, err := a.order.EraseBuyerWithResponse(ctx, in.MerchantID, in.BuyerID, order.EraseBuyerInput{After: after})
		if err != nil {
			return done, fault.From(err)
		}
		page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
		if err != nil {
			return done, fault.From(err)
		}
		if len(page.OrderIds) == 0 {
			return done, nil
		}
		if err := a.forgetParcels(ctx, in.MerchantID, page.OrderIds); err != nil {
			return done, fault.From(err)
		}
		done.Rows += int64(len(page.OrderIds))
		if !page.More {
			return done, nil
		}
		after = &page.OrderIds[len(page.OrderIds)-1]
	}
}

func (a *Activities) forgetParcels(ctx context.Context, merchantID string, orderIDs []string) error {
	answer, err := a.logistics.EraseOrdersWithResponse(ctx, merchantID, logistics.OrderIDs{OrderIds: orderIDs})
	if err != nil {
		return err
	}
	return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
}

// ForgetMessages drops the buyer's messages, those that wait to be sent too.
func (a *Activities) ForgetMessages(ctx context.Context, in Buyer) (Dropped, error) {
	return drain(ctx, func() (int64, bool, error) {
		answer, err := a.notification.EraseBuyerWithResponse(ctx, in.MerchantID, in.BuyerID)
		if err != nil {
			return 0, false, err
		}
		page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
		return page.Dropped, page.More, err
	})
}

// Finish notes that the buyer is forgotten everywhere.
func (a *Activities) Finish(ctx context.Context, in Buyer) error {
	answer, err := a.cases.FinishErasureWithResponse(ctx, in.MerchantID, in.BuyerID)
	if err != nil {
		return fault.From(err)
	}
	return fault.From(httpclient.CheckStatus(answer.StatusCode(), answer.Body))
}

// Service is one that keeps people's data.
type Service string

// The services, in the order in which retention goes through them.
const (
	Cases        Service = "cases"
	Notification Service = "notification"
	Logistics    Service = "logistics"
	Order        Service = "order"
)

// Services are all of them.
var Services = []Service{Cases, Notification, Logistics, Order}

// Retain drops what is older than the service's settings allow.
func (a *Activities) Retain(ctx context.Context, in Service) (Dropped, error) {
	page, err := a.retention(ctx, in)
	if err != nil {
		return Dropped{}, fault.From(err)
	}
	return drain(ctx, page)
}

// retention is how one batch is dropped at a service.
func (a *Activities) retention(ctx context.Context, in Service) (func() (int64, bool, error), error) {
	switch in {
	case Cases:
		return func() (int64, bool, error) {
			answer, err := a.cases.ApplyRetentionWithResponse(ctx)
			if err != nil {
				return 0, false, err
			}
			page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
			return page.Dropped, page.More, err
		}, nil
	case Notification:
		return func() (int64, bool, error) {
			answer, err := a.notification.ApplyRetentionWithResponse(ctx)
			if err != nil {
				return 0, false, err
			}
			page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
			return page.Dropped, page.More, err
		}, nil
	case Logistics:
		return func() (int64, bool, error) {
			answer, err := a.logistics.ApplyRetentionWithResponse(ctx)
			if err != nil {
				return 0, false, err
			}
			page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
			return page.Dropped, page.More, err
		}, nil
	case Order:
		return func() (int64, bool, error) {
			answer, err := a.order.ApplyRetentionWithResponse(ctx)
			if err != nil {
				return 0, false, err
			}
			page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
			return page.Dropped, page.More, err
		}, nil
	}
	return nil, fmt.Errorf("there is no service %q", in)
}

// drain repeats what drops a batch until there is no more.
func drain(ctx context.Context, batch func() (int64, bool, error)) (Dropped, error) {
	var done Dropped
	for {
		activity.RecordHeartbeat(ctx)
		dropped, more, err := batch()
		if err != nil {
			return done, fault.From(err)
		}
		done.Rows += dropped
		if !more || ctx.Err() != nil {
			return done, ctx.Err()
		}
	}
}
