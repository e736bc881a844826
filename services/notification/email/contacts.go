package email

import (
	"context"
	"fmt"
	"net/http"
	"time"

	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

// OrderContacts reads contacts from the order service.
type OrderContacts struct {
	client order.ClientWithResponsesInterface
}

// NewOrderContacts returns contacts from the order service at the URL.
func NewOrderContacts(url string, token config.Secret) (*OrderContacts, error) {
	client, err := order.NewClientWithResponses(url, order.WithHTTPClient(httpclient.New(httpclient.Options{
		BaseURL: url, Token: token, Timeout: 5 * time.Second,
	})))
	if err != nil {
		return nil, fmt.Errorf("prepare the client of the order service: %w", err)
	}
	return &OrderContacts{client: client}, nil
}

// Contact implements [Contacts]. An order that is gone has nobody to write to.
func (c *OrderContacts) Contact(ctx context.Context, merchantID, orderID string) (Contact, error) {
	answer, err := c.client.GetOrderContactWithResponse(ctx, merchantID, orderID)
	if err != nil {
		return Contact{}, err
	}
	found, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if p, ok := problem.As(err); ok && p.Status == http.StatusNotFound {
		return Contact{}, nil
	}
	if err != nil {
		return Contact{}, err
	}
	contact := Contact{}
	if found.Name != nil {
		contact.Name = *found.Name
	}
	if found.Email != nil {
		contact.Email = *found.Email
	}
	if found.Language != nil {
		contact.Language = string(*found.Language)
	}
	return contact, nil
}
