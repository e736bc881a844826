package http

import (
	"cmp"
	"context"
	"time"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	logistics "aftercare.dev/services/logistics/api"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// The actions that have content of their own.

// RejectCase refuses the return with a reason.
func (h *Handlers) RejectCase(ctx context.Context, r api.RejectCaseRequestObject) (api.RejectCaseResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionReject, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) {
			return contract.Reject{Envelope: e, Reason: string(b.Reason)}, nil
		})
}

// BookPickup has a courier come. An address stays with the logistics service; the workflow gets its id.
func (h *Handlers) BookPickup(ctx context.Context, r api.BookPickupRequestObject) (api.BookPickupResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionBookPickup, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, nil, nil},
		func(e contract.Envelope) (contract.Act, error) {
			act := contract.BookPickup{Envelope: e, WeightGrams: value(b.WeightGrams)}
			if b.Slot != nil {
				slot, err := h.slot(*b.Slot)
				if err != nil {
					return nil, err
				}
				act.Slot = &slot
			}
			if b.Address == nil {
				return act, nil
			}
			// The address goes when the buyer of the order is forgotten.
			of, err := h.readCase(ctx, r.CaseID)
			if err != nil {
				return nil, err
			}
			contact, err := read(h.Services.Logistics.CreateContactWithResponse(ctx, access.From(ctx).MerchantID,
				&logistics.CreateContactParams{OrderID: &of.OrderID}, *b.Address))
			act.ContactID = contact.ContactID
			return act, err
		})
}

// ReschedulePickup moves the courier to another time.
func (h *Handlers) ReschedulePickup(ctx context.Context, r api.ReschedulePickupRequestObject) (api.ReschedulePickupResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionReschedulePickup, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, nil, nil},
		func(e contract.Envelope) (contract.Act, error) {
			slot, err := h.slot(b.Slot)
			return contract.ReschedulePickup{Envelope: e, Slot: slot}, err
		})
}

// Limits of a slot.
const (
	// slotGrace lets a slot begin while the request was on its way.
	slotGrace = 5 * time.Minute
	maxSlot   = 7 * 24 * time.Hour
)

// slot is a time for the courier, or the reason why it can be none. What couriers really offer is for the logistics
// service to know.
func (h *Handlers) slot(s logistics.Slot) (contract.Slot, error) {
	invalid := func(field, detail string) (contract.Slot, error) {
		return contract.Slot{}, problem.Unprocessable(contract.RefusedInvalid, field+" "+detail).
			WithFields(problem.FieldError{Field: field, Detail: detail})
	}
	switch {
	case !s.Start.Before(s.End):
		return invalid("slot.end", "must be after slot.start")
	case s.Start.Before(h.Now().Add(-slotGrace)):
		return invalid("slot.start", "must be in the future")
	case s.End.Sub(s.Start) > maxSlot:
		return invalid("slot.end", "must be within 7 days of slot.start")
	}
	return contract.Slot{Start: s.Start.UTC().Format(time.RFC3339), End: s.End.UTC().Format(time.RFC3339)}, nil
}

// ShipParcel says by which parcel the goods come.
func (h *Handlers) ShipParcel(ctx context.Context, r api.ShipParcelRequestObject) (api.ShipParcelResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionShip, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, nil, nil},
		func(e contract.Envelope) (contract.Act, error) {
			return contract.Ship{Envelope: e, Carrier: b.Carrier, TrackingNumber: b.TrackingNumber}, nil
		})
}

// ReceiveParcel says that the warehouse has the parcel.
func (h *Handlers) ReceiveParcel(ctx context.Context, r api.ReceiveParcelRequestObject) (api.ReceiveParcelResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionReceive, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) {
			act := contract.Receive{Envelope: e, Contents: cmp.Or(string(value(b.Contents)), contract.ContentsAsAnnounced)}
			for _, l := range value(b.Lines) {
				act.Lines = append(act.Lines, contract.LineQuantity{LineID: l.LineID, Quantity: l.Quantity})
			}
			return act, nil
		})
}

// InspectGoods says what the warehouse found.
func (h *Handlers) InspectGoods(ctx context.Context, r api.InspectGoodsRequestObject) (api.InspectGoodsResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionInspect, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) {
			return contract.Inspect{Envelope: e, Lines: each(b.Lines, inspected)}, nil
		})
}

func inspected(l api.InspectedLine) contract.InspectedLine {
	disposition := value(l.Disposition)
	if l.AcceptedQuantity > 0 {
		disposition = cmp.Or(disposition, api.RestockNew)
	}
	return contract.InspectedLine{
		LineID: l.LineID, Accepted: l.AcceptedQuantity, Rejected: l.RejectedQuantity, Condition: string(l.Condition),
		Disposition: string(disposition), Deduction: l.Deduction, Rejection: string(value(l.Rejection)),
	}
}

// DecideContest settles a contest.
func (h *Handlers) DecideContest(ctx context.Context, r api.DecideContestRequestObject) (api.DecideContestResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionDecideContest, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) {
			return contract.DecideContest{Envelope: e, Decision: string(b.Decision)}, nil
		})
}

// DecideParcel settles what happens about a parcel that did not arrive as it should.
func (h *Handlers) DecideParcel(ctx context.Context, r api.DecideParcelRequestObject) (api.DecideParcelResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionDecideParcel, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) {
			return contract.DecideParcel{Envelope: e, Decision: string(b.Decision)}, nil
		})
}

// SendBack returns rejected goods to the buyer.
func (h *Handlers) SendBack(ctx context.Context, r api.SendBackRequestObject) (api.SendBackResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionSendBack, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, nil, nil},
		func(e contract.Envelope) (contract.Act, error) {
			if (b.Carrier == nil) != (b.TrackingNumber == nil) {
				missing := "carrier"
				if b.TrackingNumber == nil {
					missing = "tracking_number"
				}
				const detail = "give both carrier and tracking_number, or neither to have a courier come"
				return nil, problem.Unprocessable(contract.RefusedInvalid, detail).
					WithFields(problem.FieldError{Field: missing, Detail: detail})
			}
			return contract.SendBack{Envelope: e, Carrier: value(b.Carrier), TrackingNumber: value(b.TrackingNumber)}, nil
		})
}

// ResolveRefund is finance's answer to a refund that needs attention.
func (h *Handlers) ResolveRefund(ctx context.Context, r api.ResolveRefundRequestObject) (api.ResolveRefundResponseObject, error) {
	b := r.Body
	return h.act(ctx, contract.ActionResolveRefund, action{r.CaseID, r.Params.IdempotencyKey, b, b.Version, b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) {
			return contract.ResolveRefund{
				Envelope: e, Resolution: string(b.Resolution), TransferReference: value(b.TransferReference),
			}, nil
		})
}

// AddNote puts a note on the timeline. The key alone makes it recognisable: the same key with other words is refused by
// the cases service.
func (h *Handlers) AddNote(ctx context.Context, r api.AddNoteRequestObject) (api.AddNoteResponseObject, error) {
	b, internal := r.Body, value(r.Body.Internal)
	if internal && !access.From(ctx).Staff() {
		return nil, problem.Forbidden(problem.CodeForbidden, "internal notes are for staff; leave internal out").
			WithFields(problem.FieldError{Field: "internal", Detail: "must be false"})
	}
	return h.act(ctx, contract.ActionAddNote, action{r.CaseID, &r.Params.IdempotencyKey, nil, nil, &b.Note, b.EvidenceIds},
		func(e contract.Envelope) (contract.Act, error) {
			return contract.AddNote{Envelope: e, Internal: internal}, nil
		})
}
