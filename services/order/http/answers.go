package http

import (
	"cmp"

	"aftercare.dev/services/order/api"
	"aftercare.dev/services/order/domain"
)

func orderFrom(r domain.Record) api.Order {
	return api.Order{
		OrderID: r.OrderID, MerchantID: r.MerchantID, BuyerID: r.Order.BuyerID, Version: r.Version,
		Currency: r.Order.Currency, Channel: api.OrderChannel(r.Order.Channel), PlacedAt: r.Order.PlacedAt,
		Lines: each(r.Order.Lines, func(l domain.Line) api.OrderLine { return lineFrom(r, l) }),
		Discounts: each(r.Order.Discounts, func(d domain.Discount) api.Discount {
			return api.Discount{Code: d.Code, Amount: d.Amount}
		}),
		Freight: r.Order.Freight, Paid: r.Order.Paid(),
		Payments: each(r.Order.Payments, func(p domain.Payment) api.Payment {
			return api.Payment{
				PaymentID: p.PaymentID, Provider: api.PaymentProvider(p.Provider), ProviderReference: p.ProviderReference,
				Amount: p.Amount, PaidAt: p.PaidAt,
			}
		}),
		Deliveries:       each(r.Order.Deliveries, deliveryFrom),
		FreightInsurance: r.Order.FreightInsurance,
	}
}

func lineFrom(r domain.Record, l domain.Line) api.OrderLine {
	held := r.Held[l.LineID]
	free := each(r.Free(l), rangeFrom)
	shipped, delivered := r.Order.Shipping(l.LineID)
	return api.OrderLine{
		LineID: l.LineID, Sku: l.SKU, Title: optional(l.Title), Category: optional(l.Category),
		Quantity: l.Quantity, Paid: l.Paid,
		ReservedQuantity: domain.Count(held.Reserved), ReturnedQuantity: domain.Count(held.Returned),
		NoReturnConfirmed: l.NoReturnConfirmed, ShippedAt: shipped, DeliveredAt: delivered, FreeUnits: &free,
	}
}

func deliveryFrom(d domain.Delivery) api.Delivery {
	delivery := api.Delivery{
		DeliveryID: d.DeliveryID, Carrier: d.Carrier, TrackingNumber: d.TrackingNumber,
		ShippedAt: d.ShippedAt, DeliveredAt: d.DeliveredAt,
	}
	if len(d.Lines) > 0 {
		lines := each(d.Lines, func(l domain.LineQuantity) api.LineQuantity {
			return api.LineQuantity{LineID: l.LineID, Quantity: l.Quantity}
		})
		delivery.Lines = &lines
	}
	return delivery
}

func rangeFrom(r domain.Range) api.UnitRange { return api.UnitRange{From: r.From, To: r.To} }

func contactFrom(c domain.Contact) api.Contact {
	language := cmp.Or(api.ContactLanguage(c.Language), api.ZhCN)
	return api.Contact{
		Name: optional(c.Name), Phone: optional(c.Phone), Email: optional(c.Email), Language: &language,
		PayerReference: optional(c.PayerReference),
		Province:       optional(c.Province), City: optional(c.City), District: optional(c.District), Street: optional(c.Street),
	}
}

func reservationFrom(r domain.Reservation) api.Reservation {
	return api.Reservation{
		CaseID: r.CaseID, OrderID: r.OrderID, State: api.ReservationState(r.State), CompletesOrder: &r.CompletesOrder,
		Lines: each(r.Lines, func(l domain.ReservedLine) api.ReservedLine {
			return api.ReservedLine{
				LineID: l.LineID, Quantity: l.Quantity(), Units: each(l.Units, rangeFrom), Value: l.Value(),
				LineQuantity: l.LineQuantity, LinePaid: l.LinePaid, ReturnedQuantity: l.Returned,
			}
		}),
	}
}
