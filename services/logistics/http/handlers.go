// Package http implements the contract of the logistics service: it translates between the contract's
// types and the domain's, and holds no rules of its own.
package http

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"aftercare.dev/services/logistics/api"
	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/freightinsurance"
	"aftercare.dev/services/logistics/insurance"
	"aftercare.dev/services/logistics/shipping"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/database"
)

//go:embed catalog/*.json
var catalog embed.FS

// Catalog has the titles of this service's problems, for httpserver.
func Catalog() fs.FS { return database.Sub(catalog, "catalog") }

// Events reads what the insurer sends.
type Events interface {
	ParseEvent(query string, body []byte) (freightinsurance.Event, error)
}

// Handlers implements api.StrictServerInterface.
type Handlers struct {
	store     *store.Store
	shipping  *shipping.Desk
	insurance *insurance.Desk
	insurer   Events
	now       func() time.Time
	// keep is how many days addresses are kept; 0 means for ever.
	keep int
}

var _ api.StrictServerInterface = (*Handlers)(nil)

// New returns the handlers.
func New(s *store.Store, parcels *shipping.Desk, claims *insurance.Desk, insurer Events, now func() time.Time) *Handlers {
	return &Handlers{store: s, shipping: parcels, insurance: claims, insurer: insurer, now: now}
}

// CreateShipment books a courier, or registers a parcel that somebody sends.
func (h *Handlers) CreateShipment(ctx context.Context, r api.CreateShipmentRequestObject) (api.CreateShipmentResponseObject, error) {
	s, err := h.shipping.Create(ctx, r.MerchantID, r.ShipmentID, requestOf(*r.Body))
	if err != nil {
		return nil, err
	}
	return api.CreateShipment200JSONResponse(shipmentFrom(s)), nil
}

// GetShipment tells where the parcel is.
func (h *Handlers) GetShipment(ctx context.Context, r api.GetShipmentRequestObject) (api.GetShipmentResponseObject, error) {
	s, err := h.shipping.Get(ctx, r.MerchantID, r.ShipmentID, value(r.Params.Refresh))
	if err != nil {
		return nil, err
	}
	return api.GetShipment200JSONResponse(shipmentFrom(s)), nil
}

// CancelShipment calls the courier off.
func (h *Handlers) CancelShipment(ctx context.Context, r api.CancelShipmentRequestObject) (api.CancelShipmentResponseObject, error) {
	s, err := h.shipping.Cancel(ctx, r.MerchantID, r.ShipmentID)
	if err != nil {
		return nil, err
	}
	return api.CancelShipment200JSONResponse(shipmentFrom(s)), nil
}

// ReschedulePickup moves the courier's visit.
func (h *Handlers) ReschedulePickup(ctx context.Context, r api.ReschedulePickupRequestObject) (api.ReschedulePickupResponseObject, error) {
	s, err := h.shipping.Reschedule(ctx, r.MerchantID, r.ShipmentID, slotOf(r.Body.Slot))
	if err != nil {
		return nil, err
	}
	return api.ReschedulePickup200JSONResponse(shipmentFrom(s)), nil
}

// GetTracking returns what people read about a parcel's way.
func (h *Handlers) GetTracking(ctx context.Context, r api.GetTrackingRequestObject) (api.GetTrackingResponseObject, error) {
	courier, scans, err := h.shipping.Tracking(ctx, r.MerchantID, r.ShipmentID)
	if err != nil {
		return nil, err
	}
	return api.GetTracking200JSONResponse(trackingFrom(courier, scans)), nil
}

// CreateContact keeps an address under an id.
func (h *Handlers) CreateContact(ctx context.Context, r api.CreateContactRequestObject) (api.CreateContactResponseObject, error) {
	id, err := h.store.AddContact(ctx, r.MerchantID, value(r.Params.OrderID), contactOf(*r.Body))
	if err != nil {
		return nil, err
	}
	return api.CreateContact200JSONResponse{ContactID: id}, nil
}

// GetReturnAddress tells where returns go.
func (h *Handlers) GetReturnAddress(ctx context.Context, r api.GetReturnAddressRequestObject) (api.GetReturnAddressResponseObject, error) {
	contact, found, err := h.store.ReturnAddress(ctx, r.MerchantID)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, domain.ReturnAddressNotFound()
	}
	return api.GetReturnAddress200JSONResponse(contactFrom(contact)), nil
}

// PutReturnAddress sets where returns go.
func (h *Handlers) PutReturnAddress(ctx context.Context, r api.PutReturnAddressRequestObject) (api.PutReturnAddressResponseObject, error) {
	contact := contactOf(*r.Body)
	if err := h.store.SetReturnAddress(ctx, r.MerchantID, contact); err != nil {
		return nil, err
	}
	return api.PutReturnAddress200JSONResponse(contactFrom(contact)), nil
}
