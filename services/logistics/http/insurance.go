package http

import (
	"context"

	"aftercare.dev/services/logistics/api"
	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/insurance"
)

// InsureOrder takes the freight insurance of an order.
func (h *Handlers) InsureOrder(ctx context.Context, r api.InsureOrderRequestObject) (api.InsureOrderResponseObject, error) {
	if r.Body.Paid.Currency != insurance.Currency || r.Body.Paid.Amount <= 0 {
		return nil, domain.Unprocessable("paid", "must be a positive amount of CNY, the insurer's currency")
	}
	p, err := h.insurance.Insure(ctx, r.MerchantID, r.OrderID, domain.PolicyInput{
		PaymentReference: r.Body.PaymentReference,
		PaidAt:           r.Body.PaidAt,
		PaidFen:          r.Body.Paid.Amount,
		Carrier:          domain.NormalCarrier(r.Body.Carrier),
		TrackingNumber:   domain.NormalNumber(r.Body.TrackingNumber),
	})
	if err != nil {
		return nil, err
	}
	return api.InsureOrder200JSONResponse(policyFrom(p, h.now())), nil
}

// GetInsurancePolicy tells whether the return freight of an order is insured.
func (h *Handlers) GetInsurancePolicy(ctx context.Context, r api.GetInsurancePolicyRequestObject) (api.GetInsurancePolicyResponseObject, error) {
	p, err := h.insurance.Policy(ctx, r.MerchantID, r.OrderID)
	if err != nil {
		return nil, err
	}
	return api.GetInsurancePolicy200JSONResponse(policyFrom(p, h.now())), nil
}

// FileInsuranceClaim claims the return freight.
func (h *Handlers) FileInsuranceClaim(ctx context.Context, r api.FileInsuranceClaimRequestObject) (api.FileInsuranceClaimResponseObject, error) {
	c, err := h.insurance.File(ctx, r.MerchantID, r.CaseID, r.Body.OrderID, r.Body.ShipmentID)
	if err != nil {
		return nil, err
	}
	return api.FileInsuranceClaim200JSONResponse(claimFrom(c)), nil
}

// GetInsuranceClaim tells how the claim stands.
func (h *Handlers) GetInsuranceClaim(ctx context.Context, r api.GetInsuranceClaimRequestObject) (api.GetInsuranceClaimResponseObject, error) {
	c, err := h.insurance.Claim(ctx, r.MerchantID, r.CaseID, value(r.Params.Refresh))
	if err != nil {
		return nil, err
	}
	return api.GetInsuranceClaim200JSONResponse(claimFrom(c)), nil
}
