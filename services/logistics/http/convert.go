package http

import (
	"time"

	"aftercare.dev/services/logistics/api"
	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/insurance"
	"aftercare.dev/services/platform/money"
)

func requestOf(in api.ShipmentInput) domain.Request {
	r := domain.Request{
		CaseID: in.CaseID, OrderID: in.OrderID,
		Direction: domain.Direction(in.Direction), Method: domain.Method(in.Method),
	}
	if in.Pickup != nil {
		r.ContactID = value(in.Pickup.ContactID)
		r.WeightGrams = value(in.Pickup.WeightGrams)
		if in.Pickup.Slot != nil {
			r.Slot = slotOf(*in.Pickup.Slot)
		}
	}
	if in.Parcel != nil {
		r.Carrier, r.TrackingNumber = in.Parcel.Carrier, in.Parcel.TrackingNumber
	}
	return r
}

func slotOf(s api.Slot) domain.Slot { return domain.Slot{Start: s.Start.UTC(), End: s.End.UTC()} }

func shipmentFrom(s domain.Shipment) api.Shipment {
	out := api.Shipment{
		ShipmentID: s.ShipmentID, CaseID: s.Request.CaseID, OrderID: s.Request.OrderID,
		Direction: api.Direction(s.Request.Direction), Method: api.ShipmentMethod(s.Request.Method),
		State: api.ShipmentState(s.Seen.State), Reason: optional(s.Seen.Reason),
		Carrier: optional(s.Carrier), TrackingNumber: optional(s.TrackingNumber),
		PickedUpAt: instant(s.PickedUpAt), DeliveredAt: instant(s.DeliveredAt), UpdatedAt: s.UpdatedAt,
	}
	if !s.Slot.IsZero() {
		out.Slot = &api.Slot{Start: s.Slot.Start, End: s.Slot.End}
	}
	if s.FreightFen > 0 {
		out.Freight = yuan(s.FreightFen)
	}
	return out
}

func trackingFrom(courier domain.Courier, scans []domain.Scan) api.Tracking {
	var out api.Tracking
	if courier != (domain.Courier{}) {
		out.Courier = &struct {
			Name  *string `json:"name,omitempty"`
			Phone *string `json:"phone,omitempty"`
		}{Name: optional(courier.Name), Phone: optional(courier.Phone)}
	}
	out.Scans = make([]struct {
		At   time.Time `json:"at"`
		Text string    `json:"text"`
	}, len(scans))
	for i, scan := range scans {
		out.Scans[i].At, out.Scans[i].Text = scan.At, scan.Text
	}
	return out
}

func contactOf(c api.Contact) domain.Contact {
	return domain.Contact{
		Name: c.Name, Phone: c.Phone, Province: c.Province, City: c.City, District: value(c.District), Street: c.Street,
	}
}

func contactFrom(c domain.Contact) api.Contact {
	return api.Contact{
		Name: c.Name, Phone: c.Phone, Province: c.Province, City: c.City, District: optional(c.District), Street: c.Street,
	}
}

func policyFrom(p domain.Policy, now time.Time) api.InsurancePolicy {
	out := api.InsurancePolicy{
		OrderID: p.OrderID, State: api.InsurancePolicyState(p.StateAt(now)),
		PolicyNumber: optional(p.Number), EndsAt: instant(p.EndsAt), Reason: optional(p.Reason),
	}
	if p.EstimateFen > 0 {
		out.Estimate = yuan(p.EstimateFen)
	}
	return out
}

func claimFrom(c domain.Claim) api.InsuranceClaim {
	out := api.InsuranceClaim{
		CaseID: c.CaseID, OrderID: c.OrderID, State: api.InsuranceClaimState(c.State),
		ClaimNumber: optional(c.Number), Reason: optional(c.Reason), PaidAt: instant(c.PaidAt),
	}
	if c.State == domain.ClaimPaid {
		out.Payout = yuan(c.PayoutFen)
	}
	return out
}

// yuan is an amount of fen: carriers and insurer deal in no other currency.
func yuan(fen int64) *money.Money {
	return &money.Money{Amount: fen, Currency: insurance.Currency}
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
