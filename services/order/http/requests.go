package http

import (
	"cmp"

	"aftercare.dev/services/order/api"
	"aftercare.dev/services/order/domain"
)

// draft is what the shop tells, for domain.NewOrder to check.
func draft(in api.OrderInput) domain.Order {
	return domain.Order{
		BuyerID: in.BuyerID, Currency: in.Currency, Channel: domain.Channel(value(in.Channel)), PlacedAt: in.PlacedAt,
		Lines: each(in.Lines, func(l api.OrderLineInput) domain.Line {
			return domain.Line{
				LineID: l.LineID, SKU: l.Sku, Title: value(l.Title), Category: value(l.Category),
				Quantity: l.Quantity, Amount: l.Amount, Discount: value(l.Discount),
				NoReturnConfirmed: value(l.NoReturnConfirmed),
			}
		}),
		Discounts: each(value(in.Discounts), func(d api.Discount) domain.Discount {
			return domain.Discount{Code: d.Code, Amount: d.Amount}
		}),
		Freight: value(in.Freight),
		Payments: each(in.Payments, func(p api.Payment) domain.Payment {
			return domain.Payment{
				PaymentID: p.PaymentID, Provider: string(p.Provider), ProviderReference: p.ProviderReference,
				Amount: p.Amount, PaidAt: p.PaidAt,
			}
		}),
		Deliveries: each(value(in.Deliveries), func(d api.Delivery) domain.Delivery {
			return domain.Delivery{
				DeliveryID: d.DeliveryID, Carrier: d.Carrier, TrackingNumber: d.TrackingNumber,
				ShippedAt: d.ShippedAt, DeliveredAt: d.DeliveredAt, Lines: each(value(d.Lines), lineQuantity),
			}
		}),
		FreightInsurance: value(in.FreightInsurance),
	}
}

func lineQuantity(l api.LineQuantity) domain.LineQuantity {
	return domain.LineQuantity{LineID: l.LineID, Quantity: l.Quantity}
}

// contactOf is empty if the shop gave no contact.
func contactOf(in *api.Contact) domain.Contact {
	if in == nil {
		return domain.Contact{}
	}
	return domain.Contact{
		Name: value(in.Name), Phone: value(in.Phone), Email: value(in.Email),
		Language:       string(cmp.Or(value(in.Language), api.ZhCN)),
		PayerReference: value(in.PayerReference),
		Province:       value(in.Province), City: value(in.City), District: value(in.District), Street: value(in.Street),
	}
}

// value is what an optional field holds, or the zero value.
func value[T any](field *T) T {
	if field == nil {
		var zero T
		return zero
	}
	return *field
}

// optional leaves the zero value out.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// each converts a list; the result of none is empty and not nil, so that JSON has a list.
func each[From, To any](list []From, convert func(From) To) []To {
	converted := make([]To, len(list))
	for i, item := range list {
		converted[i] = convert(item)
	}
	return converted
}
