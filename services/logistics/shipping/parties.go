package shipping

import (
	"context"

	"aftercare.dev/services/logistics/domain"
)

// parties returns who hands the parcel to the courier and who gets it. A part of an address that the
// carrier needs and that is missing is named, never shown.
func (d *Desk) parties(ctx context.Context, s domain.Shipment) (sender, receiver domain.Contact, err error) {
	fromBuyer := s.Request.Direction == domain.ToWarehouse
	if sender, err = d.place(ctx, s, fromBuyer, s.Request.ContactID); err != nil {
		return domain.Contact{}, domain.Contact{}, err
	}
	if receiver, err = d.place(ctx, s, !fromBuyer, ""); err != nil {
		return domain.Contact{}, domain.Contact{}, err
	}
	return sender, receiver, nil
}

// place returns a kept contact, or the address of the order or of the warehouse.
func (d *Desk) place(ctx context.Context, s domain.Shipment, buyer bool, contactID string) (domain.Contact, error) {
	contact, whose, err := d.look(ctx, s, buyer, contactID)
	if err != nil {
		return domain.Contact{}, err
	}
	if missing := contact.Missing(); missing != "" {
		return domain.Contact{}, domain.ContactIncomplete(whose, missing)
	}
	return contact, nil
}

func (d *Desk) look(
	ctx context.Context, s domain.Shipment, buyer bool, contactID string,
) (contact domain.Contact, whose string, err error) {
	switch {
	case contactID != "":
		contact, err = d.store.Contact(ctx, s.MerchantID, contactID)
		return contact, "contact", err
	case buyer:
		who, err := d.orders.Buyer(ctx, s.MerchantID, s.Request.OrderID)
		return who.Contact, "order.contact", err
	}
	contact, found, err := d.store.ReturnAddress(ctx, s.MerchantID)
	if err == nil && !found {
		err = domain.ReturnAddressMissing()
	}
	return contact, "return_address", err
}

// phone returns the number that some carriers want before they tell a parcel's way: that of the buyer,
// who sent or gets it. It is empty if the carrier does not ask.
func (d *Desk) phone(ctx context.Context, s domain.Shipment) (string, error) {
	if !d.carrier.NeedsPhone(s.Carrier) {
		return "", nil
	}
	buyer, err := d.orders.Buyer(ctx, s.MerchantID, s.Request.OrderID)
	if err != nil {
		return "", err
	}
	if buyer.Contact.Phone == "" {
		return "", domain.ContactIncomplete("order.contact", "phone")
	}
	return buyer.Contact.Phone, nil
}
