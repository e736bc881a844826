package http

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	notification "aftercare.dev/services/notification/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/seal"
	"aftercare.dev/workflows/contract"
)

// masked hides the courier's number from those who need not call: the courier comes to the buyer.
func masked(role contract.Role, t logistics.Tracking) logistics.Tracking {
	if role == contract.Buyer || role == contract.Storefront {
		return t
	}
	if t.Courier != nil {
		courier := *t.Courier
		courier.Name, courier.Phone = mask(courier.Name, seal.Name), mask(courier.Phone, seal.Phone)
		t.Courier = &courier
	}
	t.Scans = slices.Clone(t.Scans)
	for i := range t.Scans {
		t.Scans[i].Text = seal.Text(t.Scans[i].Text)
	}
	return t
}

func mask(text *string, by func(string) string) *string {
	if text == nil {
		return nil
	}
	hidden := by(*text)
	return &hidden
}

// GetOrderContact returns who bought, masked by the order service: what it hides never comes here.
func (h *Handlers) GetOrderContact(ctx context.Context, r api.GetOrderContactRequestObject) (api.GetOrderContactResponseObject, error) {
	contact, err := read(h.Services.Order.GetMaskedContactWithResponse(ctx, access.From(ctx).MerchantID, r.OrderID))
	if err != nil {
		return nil, err
	}
	return api.GetOrderContact200JSONResponse(contact), nil
}

// RevealOrderContact returns who bought, and has it written down who asked.
func (h *Handlers) RevealOrderContact(ctx context.Context, r api.RevealOrderContactRequestObject) (api.RevealOrderContactResponseObject, error) {
	caller := access.From(ctx)
	contact, err := read(h.Services.Order.RevealOrderContactWithResponse(ctx, caller.MerchantID, r.OrderID, order.RevealInput{
		ActorRole: string(caller.Role), ActorID: caller.Subject, Reason: r.Body.Reason,
	}))
	if err != nil {
		return nil, err
	}
	return api.RevealOrderContact200JSONResponse(contact), nil
}

// SearchContacts finds orders by phone number.
func (h *Handlers) SearchContacts(ctx context.Context, r api.SearchContactsRequestObject) (api.SearchContactsResponseObject, error) {
	found, err := read(h.Services.Order.SearchContactsWithResponse(ctx, access.From(ctx).MerchantID, *r.Body))
	if err != nil {
		return nil, err
	}
	return api.SearchContacts200JSONResponse(found), nil
}

// ListReveals tells who saw contacts.
func (h *Handlers) ListReveals(ctx context.Context, r api.ListRevealsRequestObject) (api.ListRevealsResponseObject, error) {
	p := r.Params
	page, err := read(h.Services.Order.ListRevealsWithResponse(ctx, access.From(ctx).MerchantID, &order.ListRevealsParams{
		OrderID: p.OrderID, ActorID: p.ActorID, Cursor: p.Cursor, Limit: p.Limit,
	}))
	if err != nil {
		return nil, err
	}
	return api.ListReveals200JSONResponse(page), nil
}

// exportPage is how many rows of a kind are fetched at a time.
const exportPage = 200

// ExportBuyer returns everything that is kept of a buyer.
func (h *Handlers) ExportBuyer(ctx context.Context, r api.ExportBuyerRequestObject) (api.ExportBuyerResponseObject, error) {
	e := export{Handlers: h, caller: access.From(ctx), buyerID: r.BuyerID, out: api.BuyerExport{
		BuyerID: r.BuyerID, ExportedAt: h.Now().UTC(), Orders: []order.BuyerContact{}, Cases: []cases.BuyerCase{}, Messages: []notification.InboxMessage{},
		Parcels: logistics.ParcelData{Contacts: []logistics.ParcelContact{}, Couriers: []logistics.ParcelCourier{}},
	}}
	// Orders come first: there it is written down who asked.
	for _, part := range []func(context.Context) error{e.orders, e.cases, e.messages} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	return api.ExportBuyer200JSONResponse(e.out), nil
}

// export puts together what the services keep of a buyer.
type export struct {
	*Handlers
	caller  access.Caller
	buyerID string
	out     api.BuyerExport
}

// orders adds a page of orders at a time, with the parcels of that page.
func (e *export) orders(ctx context.Context) error {
	limit, after := exportPage, ""
	for {
		params := order.ExportBuyerParams{ActorRole: string(e.caller.Role), ActorID: e.caller.Subject, Limit: &limit}
		if after != "" {
			params.After = &after
		}
		page, err := read(e.Services.Order.ExportBuyerWithResponse(ctx, e.caller.MerchantID, e.buyerID, &params))
		if err != nil || len(page.Items) == 0 {
			return err
		}
		e.out.Orders = append(e.out.Orders, page.Items...)
		ids := logistics.OrderIDs{}
		for _, one := range page.Items {
			ids.OrderIds = append(ids.OrderIds, one.OrderID)
		}
		parcels, err := read(e.Services.Logistics.ExportOrdersWithResponse(ctx, e.caller.MerchantID, ids))
		if err != nil {
			return err
		}
		e.out.Parcels.Contacts = append(e.out.Parcels.Contacts, parcels.Contacts...)
		e.out.Parcels.Couriers = append(e.out.Parcels.Couriers, parcels.Couriers...)
		last := page.Items[len(page.Items)-1].OrderID
		if !page.More || last <= after {
			return nil
		}
		after = last
	}
}

func (e *export) cases(ctx context.Context) error {
	limit, after := exportPage, ""
	for {
		params := cases.ExportBuyerParams{Limit: &limit}
		if after != "" {
			params.After = &after
		}
		page, err := read(e.Services.Cases.ExportBuyerWithResponse(ctx, e.caller.MerchantID, e.buyerID, &params))
		if err != nil || len(page.Items) == 0 {
			return err
		}
		e.out.Cases = append(e.out.Cases, page.Items...)
		last := page.Items[len(page.Items)-1].CaseID
		if !page.More || last <= after {
			return nil
		}
		after = last
	}
}

func (e *export) messages(ctx context.Context) error {
	limit := exportPage
	params := notification.ListInboxParams{RecipientID: e.buyerID, Limit: &limit}
	for {
		page, err := read(e.Services.Notification.ListInboxWithResponse(ctx, e.caller.MerchantID, &params))
		if err != nil {
			return err
		}
		e.out.Messages = append(e.out.Messages, page.Items...)
		if page.NextCursor == nil || params.Cursor != nil && *params.Cursor == *page.NextCursor {
			return nil
		}
		params.Cursor = page.NextCursor
	}
}

// EraseBuyer has a buyer forgotten. The cases service refuses it while a case is open and keeps new ones from being filed;
// then a workflow does the work. Asked again, whatever was lost in between is made good.
func (h *Handlers) EraseBuyer(ctx context.Context, r api.EraseBuyerRequestObject) (api.EraseBuyerResponseObject, error) {
	caller := access.From(ctx)
	erasure, err := read(h.Services.Cases.RequestErasureWithResponse(ctx, caller.MerchantID, r.BuyerID, cases.Actor{
		Role: cases.Role(caller.Role), ID: caller.Subject,
	}))
	if err != nil {
		return nil, err
	}
	starting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = h.Temporal.ExecuteWorkflow(starting, client.StartWorkflowOptions{
		ID: contract.ErasureWorkflowID(caller.MerchantID, r.BuyerID), TaskQueue: contract.CasesQueue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "Forget a buyer",
	}, contract.EraseBuyerWorkflow, contract.BuyerRef{MerchantID: caller.MerchantID, BuyerID: r.BuyerID})
	if err != nil {
		return nil, unanswered(fmt.Errorf("start the erasure: %w", err))
	}
	return api.EraseBuyer202JSONResponse(erasure), nil
}

// GetErasure tells how an erasure stands.
func (h *Handlers) GetErasure(ctx context.Context, r api.GetErasureRequestObject) (api.GetErasureResponseObject, error) {
	erasure, err := read(h.Services.Cases.GetErasureWithResponse(ctx, access.From(ctx).MerchantID, r.BuyerID))
	if err != nil {
		return nil, err
	}
	return api.GetErasure200JSONResponse(erasure), nil
}
