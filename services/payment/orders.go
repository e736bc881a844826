package payment

import (
	"context"
	"errors"

	orderapi "aftercare.dev/services/order/api"
	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

// orders reads what was paid from the order service.
type orders struct {
	client orderapi.ClientWithResponsesInterface
}

// Order implements refunds.Orders. What the order service answers is checked before it becomes a cap.
func (o orders) Order(ctx context.Context, merchantID, orderID string) (domain.Order, error) {
	answer, err := o.client.GetOrderWithResponse(ctx, merchantID, orderID, nil)
	if err != nil {
		return domain.Order{}, unavailable(err)
	}
	order, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return domain.Order{}, unavailable(err)
	}
	if order.OrderID != orderID || order.MerchantID != merchantID {
		return domain.Order{}, problem.Internal(errors.New("the order service answered with another order"))
	}
	found := domain.Order{Version: order.Version, Currency: order.Currency}
	amounts := []orderapi.Money{order.Freight}
	if order.Freight.IsPositive() {
		found.Lines = append(found.Lines, domain.LineAmount{LineID: domain.FreightLine, Amount: order.Freight.Amount})
	}
	for _, line := range order.Lines {
		amounts = append(amounts, line.Paid)
		found.Lines = append(found.Lines, domain.LineAmount{LineID: line.LineID, Amount: line.Paid.Amount})
	}
	for _, p := range order.Payments {
		amounts = append(amounts, p.Amount)
		found.Payments = append(found.Payments, domain.Payment{
			PaymentID: p.PaymentID, Provider: string(p.Provider), Reference: p.ProviderReference, Amount: p.Amount.Amount,
		})
	}
	for _, amount := range amounts {
		if amount.Currency != order.Currency || amount.IsNegative() {
			return domain.Order{}, problem.Internal(errors.New("the order service answered with an amount below zero or in a second currency"))
		}
	}
	return found, nil
}

// PaymentByReference implements reconcile.Orders.
func (o orders) PaymentByReference(ctx context.Context, provider, reference string) (domain.PaymentAt, bool, error) {
	answer, err := o.client.FindPaymentWithResponse(ctx, &orderapi.FindPaymentParams{Provider: provider, ProviderReference: reference})
	if err != nil {
		return domain.PaymentAt{}, false, unavailable(err)
	}
	owner, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if problem.HasCode(err, "payment_not_found") {
		return domain.PaymentAt{}, false, nil
	}
	if err != nil {
		return domain.PaymentAt{}, false, unavailable(err)
	}
	return domain.PaymentAt{MerchantID: owner.MerchantID, OrderID: owner.OrderID, PaymentID: owner.PaymentID}, true, nil
}

// unavailable passes a refusal on, such as 404, and turns the order service's own trouble into "try
// again", because nothing was done here.
func unavailable(err error) error {
	if e, ok := problem.As(err); ok && e.Status < 500 && e.Status != 401 && e.Status != 403 {
		return e
	}
	return problem.Unavailable(problem.CodeUnavailable, "the order service did not answer").WithCause(err)
}
