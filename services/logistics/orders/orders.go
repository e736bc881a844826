// Package orders asks the order service for the little that logistics needs of an order.
package orders

import (
	"context"
	"net/http"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

// Client calls the order service. It is safe for concurrent use.
type Client struct {
	api *api.ClientWithResponses
}

// New returns a client of the order service that options name.
func New(options httpclient.Options) (*Client, error) {
	client, err := api.NewClientWithResponses(options.BaseURL, api.WithHTTPClient(httpclient.New(options)))
	if err != nil {
		return nil, err
	}
	return &Client{api: client}, nil
}

// Buyer returns who bought and where the goods went, as far as the shop told.
func (c *Client) Buyer(ctx context.Context, merchantID, orderID string) (domain.Buyer, error) {
	answer, err := c.api.GetOrderContactWithResponse(ctx, merchantID, orderID)
	if err != nil {
		return domain.Buyer{}, err
	}
	contact, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return domain.Buyer{}, known(err)
	}
	return domain.Buyer{
		Contact: domain.Contact{
			Name: value(contact.Name), Phone: value(contact.Phone),
			Province: value(contact.Province), City: value(contact.City),
			District: value(contact.District), Street: value(contact.Street),
		},
		Reference: value(contact.PayerReference),
	}, nil
}

// Order returns what was bought and how it was sent.
func (c *Client) Order(ctx context.Context, merchantID, orderID string) (domain.Order, error) {
	answer, err := c.api.GetOrderWithResponse(ctx, merchantID, orderID, &api.GetOrderParams{})
	if err != nil {
		return domain.Order{}, err
	}
	order, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return domain.Order{}, known(err)
	}
	var out domain.Order
	for _, line := range order.Lines {
		name := value(line.Title)
		if name == "" {
			name = line.Sku
		}
		out.Goods = append(out.Goods, name)
	}
	for _, delivery := range order.Deliveries {
		out.Deliveries = append(out.Deliveries, domain.NormalNumber(delivery.TrackingNumber))
	}
	return out, nil
}

// known turns "not found" into a fault of the request: it named an order that is not there.
func known(err error) error {
	if refused, ok := problem.As(err); ok && refused.Status == http.StatusNotFound {
		return problem.Unprocessable(domain.CodeOrderNotFound, "order_id names no order of the merchant, or one without a contact").
			WithFields(problem.FieldError{Field: "order_id", Detail: "names no order of the merchant, or one without a contact"})
	}
	return err
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
