// Package orders reads orders and reservations from the order service, through its contract.
package orders

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

// Client reads from the order service. It is safe for concurrent use.
type Client struct {
	api api.ClientWithResponsesInterface
}

// New returns a client of the order service at the base URL.
func New(baseURL string, doer api.HttpRequestDoer) (*Client, error) {
	client, err := api.NewClientWithResponses(baseURL, api.WithHTTPClient(doer))
	if err != nil {
		return nil, fmt.Errorf("client of the order service: %w", err)
	}
	return &Client{api: client}, nil
}

// Order returns the order as a judgement needs it; with a buyer, only if it is theirs. Errors are those
// of the order service, such as the problem order_not_found.
func (c *Client) Order(ctx context.Context, merchantID, orderID, buyerID string) (domain.Order, error) {
	params := &api.GetOrderParams{}
	if buyerID != "" {
		params.BuyerID = &buyerID
	}
	answer, err := c.api.GetOrderWithResponse(ctx, merchantID, orderID, params)
	if err != nil {
		return domain.Order{}, fmt.Errorf("read order: %w", err)
	}
	order, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return domain.Order{}, refusal("read order", err)
	}
	return orderOf(order), nil
}

// Reservation returns the units that are set aside for a case. Errors are those of the order service,
// such as the problem reservation_not_found.
func (c *Client) Reservation(ctx context.Context, merchantID, orderID, caseID string) (domain.Reservation, error) {
	answer, err := c.api.GetReservationWithResponse(ctx, merchantID, orderID, caseID)
	if err != nil {
		return domain.Reservation{}, fmt.Errorf("read reservation: %w", err)
	}
	reservation, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return domain.Reservation{}, refusal("read reservation", err)
	}
	return reservationOf(reservation), nil
}

// refusal passes the order service's problem on, but for one that is about us and not about our caller.
func refusal(doing string, err error) error {
	e, is := problem.As(err)
	if is && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) {
		return problem.Internal(fmt.Errorf("%s: the order service refuses this service: %w", doing, err))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func orderOf(o api.Order) domain.Order {
	order := domain.Order{
		OrderID: o.OrderID, BuyerID: o.BuyerID, Currency: o.Currency, Store: o.Channel == api.OrderChannelStore,
		Freight: o.Freight.Amount, FreightInsured: o.FreightInsurance, Lines: make([]domain.OrderLine, len(o.Lines)),
	}
	for i, l := range o.Lines {
		line := domain.OrderLine{
			LineID: l.LineID, Quantity: l.Quantity, Returned: l.ReturnedQuantity, Paid: l.Paid.Amount, NoReturnConfirmed: l.NoReturnConfirmed,
		}
		if l.Category != nil {
			line.Category = *l.Category
		}
		line.DeliveredAt = timeOf(l.DeliveredAt)
		if l.FreeUnits != nil {
			line.Free = rangesOf(*l.FreeUnits)
		}
		order.Lines[i] = line
	}
	return order
}

func reservationOf(r api.Reservation) domain.Reservation {
	reservation := domain.Reservation{Lines: make([]domain.ReservedLine, len(r.Lines))}
	for i, l := range r.Lines {
		reservation.Currency = l.LinePaid.Currency
		reservation.Lines[i] = domain.ReservedLine{
			LineID: l.LineID, Quantity: l.LineQuantity, Paid: l.LinePaid.Amount, Units: rangesOf(l.Units),
		}
	}
	return reservation
}

func rangesOf(units []api.UnitRange) []domain.Range {
	ranges := make([]domain.Range, len(units))
	for i, u := range units {
		ranges[i] = domain.Range{From: u.From, To: u.To}
	}
	return ranges
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
