package http

import (
	"cmp"
	"context"
	"time"

	"aftercare.dev/services/order/api"
	"aftercare.dev/services/order/domain"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/seal"
)

// batch is how many orders one call forgets.
const batch = 100

// GetMaskedContact returns personal data that says little.
func (h *Handlers) GetMaskedContact(ctx context.Context, r api.GetMaskedContactRequestObject) (api.GetMaskedContactResponseObject, error) {
	c, err := h.store.Contact(ctx, r.MerchantID, r.OrderID)
	if err != nil {
		return nil, err
	}
	return api.GetMaskedContact200JSONResponse(contactFrom(domain.Contact{
		Name: seal.Name(c.Name), Phone: seal.Phone(c.Phone), Email: seal.Email(c.Email), Language: c.Language,
		PayerReference: seal.Hidden(c.PayerReference), Province: c.Province, City: c.City,
		District: c.District, Street: seal.Hidden(c.Street),
	})), nil
}

// RevealOrderContact returns personal data and writes down who asked.
func (h *Handlers) RevealOrderContact(ctx context.Context, r api.RevealOrderContactRequestObject) (api.RevealOrderContactResponseObject, error) {
	contact, err := h.store.Reveal(ctx, r.MerchantID, r.OrderID, domain.Reveal{
		ActorRole: r.Body.ActorRole, ActorID: r.Body.ActorID, Reason: r.Body.Reason,
	})
	if err != nil {
		return nil, err
	}
	return api.RevealOrderContact200JSONResponse(contactFrom(contact)), nil
}

// ListReveals returns who saw contacts.
func (h *Handlers) ListReveals(ctx context.Context, r api.ListRevealsRequestObject) (api.ListRevealsResponseObject, error) {
	p := r.Params
	reveals, next, err := h.store.Reveals(ctx, r.MerchantID, value(p.OrderID), value(p.ActorID), value(p.Cursor), cmp.Or(value(p.Limit), defaultLimit))
	if err != nil {
		return nil, err
	}
	return api.ListReveals200JSONResponse{NextCursor: optional(next), Items: each(reveals, func(r domain.Reveal) api.Reveal {
		return api.Reveal{
			RevealID: r.RevealID, OrderID: optional(r.OrderID), BuyerID: optional(r.BuyerID),
			ActorRole: r.ActorRole, ActorID: r.ActorID, Reason: r.Reason, At: r.At,
		}
	})}, nil
}

// SearchContacts finds orders by phone number.
func (h *Handlers) SearchContacts(ctx context.Context, r api.SearchContactsRequestObject) (api.SearchContactsResponseObject, error) {
	found, err := h.store.SearchPhone(ctx, r.MerchantID, r.Body.Phone)
	if err != nil {
		return nil, err
	}
	return api.SearchContacts200JSONResponse{Items: each(found, func(c store.BuyerContact) api.ContactMatch {
		return api.ContactMatch{
			OrderID: c.OrderID, BuyerID: c.BuyerID, PlacedAt: c.PlacedAt,
			Name: seal.Name(c.Contact.Name), Phone: seal.Phone(c.Contact.Phone),
		}
	})}, nil
}

// ExportBuyer returns the contacts of a buyer's orders. The first page writes down who asked.
func (h *Handlers) ExportBuyer(ctx context.Context, r api.ExportBuyerRequestObject) (api.ExportBuyerResponseObject, error) {
	if r.Params.After == nil {
		err := h.store.RecordReveal(ctx, r.MerchantID, domain.Reveal{
			BuyerID: r.BuyerID, ActorRole: r.Params.ActorRole, ActorID: r.Params.ActorID, Reason: "export",
		})
		if err != nil {
			return nil, err
		}
	}
	contacts, more, err := h.store.ContactsOfBuyer(ctx, r.MerchantID, r.BuyerID, value(r.Params.After), cmp.Or(value(r.Params.Limit), defaultLimit))
	if err != nil {
		return nil, err
	}
	return api.ExportBuyer200JSONResponse{More: more, Items: each(contacts, func(c store.BuyerContact) api.BuyerContact {
		one := api.BuyerContact{OrderID: c.OrderID, PlacedAt: c.PlacedAt}
		if c.Contact != (domain.Contact{}) {
			contact := contactFrom(c.Contact)
			one.Contact = &contact
		}
		return one
	})}, nil
}

// EraseBuyer drops the contacts of a page of a buyer's orders.
func (h *Handlers) EraseBuyer(ctx context.Context, r api.EraseBuyerRequestObject) (api.EraseBuyerResponseObject, error) {
	orderIDs, more, err := h.store.ForgetBuyer(ctx, r.MerchantID, r.BuyerID, value(r.Body.After), batch)
	if err != nil {
		return nil, err
	}
	return api.EraseBuyer200JSONResponse{OrderIds: each(orderIDs, func(id string) string { return id }), More: more}, nil
}

// ApplyRetention drops contacts whose time is over.
func (h *Handlers) ApplyRetention(ctx context.Context, _ api.ApplyRetentionRequestObject) (api.ApplyRetentionResponseObject, error) {
	if h.keep == 0 {
		return api.ApplyRetention200JSONResponse{}, nil
	}
	dropped, more, err := h.store.ForgetBefore(ctx, time.Now().AddDate(0, 0, -h.keep), batch)
	if err != nil {
		return nil, err
	}
	return api.ApplyRetention200JSONResponse{Dropped: dropped, More: more}, nil
}
