package http

import (
	"context"
	"time"

	openapi "github.com/oapi-codegen/runtime/types"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
)

// GetPolicy returns the policy in force, or the version asked for.
func (h *Handlers) GetPolicy(ctx context.Context, r api.GetPolicyRequestObject) (api.GetPolicyResponseObject, error) {
	var (
		published store.Published
		err       error
	)
	if r.Params.Version == nil {
		published, err = h.store.PolicyInForce(ctx, r.MerchantID)
	} else {
		published, err = h.store.Policy(ctx, r.MerchantID, *r.Params.Version)
	}
	if err != nil {
		return nil, err
	}
	policy, err := policyFrom(published)
	return api.GetPolicy200JSONResponse(policy), err
}

// PutPolicy publishes the next version.
func (h *Handlers) PutPolicy(ctx context.Context, r api.PutPolicyRequestObject) (api.PutPolicyResponseObject, error) {
	published, err := h.store.Publish(ctx, r.MerchantID, specOf(*r.Body))
	if err != nil {
		return nil, err
	}
	policy, err := policyFrom(published)
	return api.PutPolicy200JSONResponse(policy), err
}

func specOf(in api.PolicyInput) domain.PolicySpec {
	return domain.PolicySpec{
		Timezone: value(in.Timezone),
		Windows: domain.Windows{
			NoReasonDays: in.Windows.NoReasonDays, QualityDays: in.Windows.QualityDays,
			OnlineDays: in.Windows.OnlineDays, StoreDays: in.Windows.StoreDays,
		},
		Exclusions:          value(in.Exclusions),
		ConfirmedExclusions: value(in.ConfirmedExclusions),
		Review: domain.ReviewRules{
			AutoApprove:      each(in.Review.AutoApprove, recode[domain.ReasonGroup]),
			AutoApproveLimit: in.Review.AutoApproveLimit,
			EvidenceRequired: each(value(in.Review.EvidenceRequired), recode[domain.ReasonGroup]),
		},
		MerchantPaysFreight: each(value(in.MerchantPaysFreight), recode[domain.ReasonGroup]),
		Holidays:            each(value(in.Holidays), func(d openapi.Date) domain.Date { return domain.Date(d.String()) }),
		Clocks: domain.Clocks{
			ReviewSeconds: in.Clocks.ReviewSeconds, ReviewSilence: domain.Silence(in.Clocks.ReviewSilence),
			InfoSeconds: in.Clocks.InfoSeconds, AnswerSeconds: in.Clocks.AnswerSeconds, ShipSeconds: in.Clocks.ShipSeconds,
			ShipReminderSeconds: in.Clocks.ShipReminderSeconds, TransitSeconds: in.Clocks.TransitSeconds,
			InspectSeconds: in.Clocks.InspectSeconds, ContestSeconds: in.Clocks.ContestSeconds, InsuranceSeconds: in.Clocks.InsuranceSeconds,
		},
	}
}

func policyFrom(p store.Published) (api.Policy, error) {
	spec := p.Policy.Spec()
	holidays := make([]openapi.Date, len(spec.Holidays))
	for i, day := range spec.Holidays {
		date, err := time.Parse(time.DateOnly, string(day))
		if err != nil {
			return api.Policy{}, err
		}
		holidays[i] = openapi.Date{Time: date}
	}
	required := each(spec.Review.EvidenceRequired, recode[api.ReasonGroup])
	freight := each(spec.MerchantPaysFreight, recode[api.ReasonGroup])
	policy := api.Policy{Version: p.Policy.Version(), Policy: api.PolicyInput{
		Timezone: &spec.Timezone,
		Windows: api.Windows{
			NoReasonDays: spec.Windows.NoReasonDays, QualityDays: spec.Windows.QualityDays,
			OnlineDays: spec.Windows.OnlineDays, StoreDays: spec.Windows.StoreDays,
		},
		Exclusions: &spec.Exclusions, ConfirmedExclusions: &spec.ConfirmedExclusions,
		Review: api.ReviewRules{
			AutoApprove: each(spec.Review.AutoApprove, recode[api.ReasonGroup]), AutoApproveLimit: spec.Review.AutoApproveLimit, EvidenceRequired: &required,
		},
		MerchantPaysFreight: &freight, Holidays: &holidays, Clocks: clocksFrom(spec.Clocks),
	}}
	if !p.At.IsZero() {
		policy.PublishedAt = &p.At
	}
	return policy, nil
}

func clocksFrom(c domain.Clocks) api.Clocks {
	return api.Clocks{
		ReviewSeconds: c.ReviewSeconds, ReviewSilence: api.ClocksReviewSilence(c.ReviewSilence), InfoSeconds: c.InfoSeconds,
		AnswerSeconds: c.AnswerSeconds, ShipSeconds: c.ShipSeconds, ShipReminderSeconds: each(c.ShipReminderSeconds, func(s int64) int64 { return s }),
		TransitSeconds: c.TransitSeconds, InspectSeconds: c.InspectSeconds, ContestSeconds: c.ContestSeconds, InsuranceSeconds: c.InsuranceSeconds,
	}
}
