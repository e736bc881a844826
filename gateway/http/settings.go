package http

import (
	"context"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	notification "aftercare.dev/services/notification/api"
	"aftercare.dev/services/platform/httpclient"
)

// GetPolicy returns the after-sales policy; to a buyer without the limit up to which nobody looks.
func (h *Handlers) GetPolicy(ctx context.Context, r api.GetPolicyRequestObject) (api.GetPolicyResponseObject, error) {
	caller := access.From(ctx)
	policy, err := read(h.Services.Cases.GetPolicyWithResponse(ctx, caller.MerchantID, &cases.GetPolicyParams{Version: r.Params.Version}))
	if err != nil {
		return nil, err
	}
	if caller.Confined() {
		policy.Policy.Review.AutoApproveLimit = nil
	}
	return api.GetPolicy200JSONResponse(policy), nil
}

// PutPolicy publishes the next version of the policy.
func (h *Handlers) PutPolicy(ctx context.Context, r api.PutPolicyRequestObject) (api.PutPolicyResponseObject, error) {
	policy, err := read(h.Services.Cases.PutPolicyWithResponse(ctx, access.From(ctx).MerchantID, *r.Body))
	if err != nil {
		return nil, err
	}
	return api.PutPolicy200JSONResponse(policy), nil
}

// GetReturnAddress returns where returns go.
func (h *Handlers) GetReturnAddress(ctx context.Context, _ api.GetReturnAddressRequestObject) (api.GetReturnAddressResponseObject, error) {
	address, err := read(h.Services.Logistics.GetReturnAddressWithResponse(ctx, access.From(ctx).MerchantID))
	if err != nil {
		return nil, err
	}
	return api.GetReturnAddress200JSONResponse(address), nil
}

// PutReturnAddress sets where returns go.
func (h *Handlers) PutReturnAddress(ctx context.Context, r api.PutReturnAddressRequestObject) (api.PutReturnAddressResponseObject, error) {
	address, err := read(h.Services.Logistics.PutReturnAddressWithResponse(ctx, access.From(ctx).MerchantID, *r.Body))
	if err != nil {
		return nil, err
	}
	return api.PutReturnAddress200JSONResponse(address), nil
}

// ListWebhookEndpoints returns the storefront's endpoints.
func (h *Handlers) ListWebhookEndpoints(ctx context.Context, _ api.ListWebhookEndpointsRequestObject) (api.ListWebhookEndpointsResponseObject, error) {
	endpoints, err := read(h.Services.Notification.ListWebhookEndpointsWithResponse(ctx, access.From(ctx).MerchantID))
	if err != nil {
		return nil, err
	}
	return api.ListWebhookEndpoints200JSONResponse(endpoints), nil
}

// CreateWebhookEndpoint registers an endpoint.
func (h *Handlers) CreateWebhookEndpoint(ctx context.Context, r api.CreateWebhookEndpointRequestObject) (api.CreateWebhookEndpointResponseObject, error) {
	endpoint, err := read(h.Services.Notification.CreateWebhookEndpointWithResponse(ctx, access.From(ctx).MerchantID,
		notification.WebhookEndpointInput{IdempotencyKey: r.Params.IdempotencyKey, URL: r.Body.URL, Types: r.Body.Types}))
	if err != nil {
		return nil, err
	}
	return api.CreateWebhookEndpoint201JSONResponse(endpoint), nil
}

// UpdateWebhookEndpoint changes an endpoint.
func (h *Handlers) UpdateWebhookEndpoint(ctx context.Context, r api.UpdateWebhookEndpointRequestObject) (api.UpdateWebhookEndpointResponseObject, error) {
	endpoint, err := read(h.Services.Notification.UpdateWebhookEndpointWithResponse(ctx, access.From(ctx).MerchantID, r.EndpointID, *r.Body))
	if err != nil {
		return nil, err
	}
	return api.UpdateWebhookEndpoint200JSONResponse(endpoint), nil
}

// DeleteWebhookEndpoint removes an endpoint.
func (h *Handlers) DeleteWebhookEndpoint(ctx context.Context, r api.DeleteWebhookEndpointRequestObject) (api.DeleteWebhookEndpointResponseObject, error) {
	removed, err := h.Services.Notification.DeleteWebhookEndpointWithResponse(ctx, access.From(ctx).MerchantID, r.EndpointID)
	if err != nil {
		return nil, err
	}
	if err := public(httpclient.CheckStatus(removed.StatusCode(), removed.Body)); err != nil {
		return nil, err
	}
	return api.DeleteWebhookEndpoint204Response{}, nil
}
