package payment

import (
	"context"

	"aftercare.dev/activities/fault"
	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
)

// most is how many refunds or differences of one case are looked at. No case comes near it.
const most = 200

// CaseRef names a case.
type CaseRef struct {
	MerchantID string `json:"merchant_id"`
	CaseID     string `json:"case_id"`
}

// Standing is how the money of a case stands, as the provider says right now.
type Standing struct {
	Refunds []api.Refund `json:"refunds"`
	// Differences are those that nobody has resolved, the oldest first.
	Differences []Difference `json:"differences"`
}

// Difference is something that payment and the provider do not agree about.
type Difference struct {
	DifferenceID string             `json:"difference_id"`
	Kind         api.DifferenceKind `json:"kind"`
	// RefundID is empty for a refund that is not ours.
	RefundID string `json:"refund_id,omitempty"`
	// Amount is what it is about: what we asked for, or of a refund that is not ours what the provider paid.
	Amount money.Money `json:"amount"`
	// Told tells that the case has taken notice of it before.
	Told bool `json:"told,omitempty"`
}

// Standing asks the provider about every refund of the case, and then what does not agree.
func (a *Activities) Standing(ctx context.Context, in CaseRef) (Standing, error) {
	refunds, err := a.refundsOf(ctx, in)
	if err != nil {
		return Standing{}, fault.From(err)
	}
	s := Standing{Refunds: refunds}
	for _, state := range []api.DifferenceState{api.Open, api.Told} {
		limit := most
		answer, err := a.client.ListDifferencesWithResponse(ctx, in.MerchantID, &api.ListDifferencesParams{
			CaseID: &in.CaseID, State: &state, Limit: &limit,
		})
		if err != nil {
			return Standing{}, fault.From(err)
		}
		page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
		if err != nil {
			return Standing{}, fault.From(err)
		}
		for _, d := range page.Items {
			s.Differences = append(s.Differences, differenceFrom(d))
		}
	}
	return s, nil
}

func (a *Activities) refundsOf(ctx context.Context, in CaseRef) ([]api.Refund, error) {
	limit := most
	answer, err := a.client.ListRefundsWithResponse(ctx, in.MerchantID, &api.ListRefundsParams{CaseID: &in.CaseID, Limit: &limit})
	if err != nil {
		return nil, err
	}
	page, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return nil, err
	}
	for i, refund := range page.Items {
		if page.Items[i], err = a.Query(ctx, RefundRef{MerchantID: in.MerchantID, RefundID: refund.RefundID}); err != nil {
			return nil, err
		}
	}
	return page.Items, nil
}

func differenceFrom(d api.Difference) Difference {
	out := Difference{
		DifferenceID: d.DifferenceID, Kind: d.Kind, RefundID: d.RefundID, Amount: d.Amount, Told: d.State == api.Told,
	}
	if out.Amount.Amount == 0 {
		out.Amount = d.ProviderAmount
	}
	return out
}

// ToldDifference says which case has taken notice of a difference.
type ToldDifference struct {
	DifferenceID string `json:"difference_id"`
	CaseID       string `json:"case_id"`
}

// MarkTold keeps that the case has taken notice of the difference.
func (a *Activities) MarkTold(ctx context.Context, in ToldDifference) error {
	answer, err := a.client.MarkDifferenceToldWithResponse(ctx, in.DifferenceID, api.ToldInput{CaseID: &in.CaseID})
	if err != nil {
		return fault.From(err)
	}
	return fault.From(httpclient.CheckStatus(answer.StatusCode(), answer.Body))
}

// ResolvedDifference says who is done with a difference.
type ResolvedDifference struct {
	MerchantID   string                     `json:"merchant_id"`
	DifferenceID string                     `json:"difference_id"`
	Input        api.ResolveDifferenceInput `json:"input"`
}

// ResolveDifference keeps that the difference is dealt with. One that was resolved before: fault.Conflicting.
func (a *Activities) ResolveDifference(ctx context.Context, in ResolvedDifference) error {
	answer, err := a.client.ResolveDifferenceWithResponse(ctx, in.MerchantID, in.DifferenceID, in.Input)
	if err != nil {
		return fault.From(err)
	}
	return fault.From(httpclient.CheckStatus(answer.StatusCode(), answer.Body))
}
