package http

import (
	"context"

	"aftercare.dev/services/notification/api"
	"aftercare.dev/services/notification/domain"
)

// ListWebhookEndpoints returns all endpoints of the merchant, without secrets.
func (h *Handlers) ListWebhookEndpoints(ctx context.Context, r api.ListWebhookEndpointsRequestObject) (api.ListWebhookEndpointsResponseObject, error) {
	endpoints, err := h.store.Endpoints(ctx, r.MerchantID)
	if err != nil {
		return nil, err
	}
	items := make([]api.WebhookEndpoint, len(endpoints))
	for i, e := range endpoints {
		items[i] = endpointFrom(e, "")
	}
	return api.ListWebhookEndpoints200JSONResponse{Items: items}, nil
}

// CreateWebhookEndpoint registers an endpoint and shows its secret.
func (h *Handlers) CreateWebhookEndpoint(ctx context.Context, r api.CreateWebhookEndpointRequestObject) (api.CreateWebhookEndpointResponseObject, error) {
	if err := h.guard.CheckURL(r.Body.URL); err != nil {
		return nil, err
	}
	e, secret, err := h.store.CreateEndpoint(ctx, r.MerchantID, r.Body.IdempotencyKey, r.Body.URL, value(r.Body.Types))
	if err != nil {
		return nil, err
	}
	return api.CreateWebhookEndpoint200JSONResponse(endpointFrom(e, secret)), nil
}

// UpdateWebhookEndpoint changes an endpoint, and shows the new secret if it was rotated.
func (h *Handlers) UpdateWebhookEndpoint(ctx context.Context, r api.UpdateWebhookEndpointRequestObject) (api.UpdateWebhookEndpointResponseObject, error) {
	if r.Body.URL != nil {
		if err := h.guard.CheckURL(*r.Body.URL); err != nil {
			return nil, err
		}
	}
	e, secret, err := h.store.ChangeEndpoint(ctx, r.MerchantID, r.EndpointID, domain.EndpointChange{
		URL: r.Body.URL, Types: r.Body.Types, Enabled: r.Body.Enabled, Rotate: value(r.Body.RotateSecret),
	})
	if err != nil {
		return nil, err
	}
	h.sender.Wake()
	return api.UpdateWebhookEndpoint200JSONResponse(endpointFrom(e, secret)), nil
}

// DeleteWebhookEndpoint removes an endpoint.
func (h *Handlers) DeleteWebhookEndpoint(ctx context.Context, r api.DeleteWebhookEndpointRequestObject) (api.DeleteWebhookEndpointResponseObject, error) {
	if err := h.store.RemoveEndpoint(ctx, r.MerchantID, r.EndpointID); err != nil {
		return nil, err
	}
	return api.DeleteWebhookEndpoint204Response{}, nil
}
