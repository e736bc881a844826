package refunds

import (
	"context"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/problem"
)

// Confirm asks the provider about a part, whatever its state, and stores what it says. It returns the provider's refund,
// which is the zero value if it has none of this number. A provider that does not answer is a 503 problem provider_silent.
func (d *Desk) Confirm(ctx context.Context, refund domain.Refund, part domain.Part) (domain.ProviderRefund, error) {
	_, r, err := d.ask(ctx, refund, part, part.NotThere())
	if err != nil {
		return domain.ProviderRefund{}, err
	}
	return r.told()
}

// Look asks a provider about a number that is not ours and stores nothing. The answer is that of [Desk.Confirm].
func (d *Desk) Look(ctx context.Context, provider, refundNumber string) (domain.ProviderRefund, error) {
	part := domain.Part{Provider: provider}
	part.RefundNumber = refundNumber
	return d.query(ctx, part).told()
}

func (r reply) told() (domain.ProviderRefund, error) {
	switch {
	case r.missing():
		return domain.ProviderRefund{}, nil
	case r.failure != nil:
		return domain.ProviderRefund{}, problem.Unavailable("provider_silent",
			"the provider does not tell how a refund stands; try again later").WithCause(r.failure)
	}
	return r.held, nil
}
