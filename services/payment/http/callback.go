package http

import (
	"context"
	"errors"
	"net/http"

	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/wechatpay"
)

// What WeChat Pay is answered. Anything but 200 and 204 makes it send again, so the answer to what is
// not believed is a refusal: a message that was garbled on its way comes again.
const (
	acknowledged = `{"code":"SUCCESS","message":"OK"}`
	notAuthentic = `{"code":"FAIL","message":"signature is not valid"}`
	unreadable   = `{"code":"FAIL","message":"notification is not readable"}`
)

// ReceivePaymentCallback implements [api.StrictServerInterface]. A failure of ours is a problem, and
// the caller lets the provider send again.
func (h *Handlers) ReceivePaymentCallback(ctx context.Context, r api.ReceivePaymentCallbackRequestObject) (api.ReceivePaymentCallbackResponseObject, error) {
	header := make(http.Header, len(r.Body.Headers))
	for name, value := range r.Body.Headers {
		header.Set(name, value)
	}
	n, err := h.wechat.Notification(header, r.Body.Body)
	switch {
	case errors.Is(err, wechatpay.ErrNotAuthentic):
		return answer(http.StatusUnauthorized, notAuthentic, nil), nil
	case errors.Is(err, wechatpay.ErrUnreadable):
		return answer(http.StatusBadRequest, unreadable, nil), nil
	case err != nil:
		return nil, err
	}
	events, err := h.desk.Notified(ctx, n)
	if err != nil {
		return nil, err
	}
	wake := make([]api.CaseEvent, len(events))
	for i, e := range events {
		wake[i] = api.CaseEvent{EventID: e.ID, MerchantID: e.MerchantID, CaseID: e.CaseID, Subject: e.RefundID}
	}
	return answer(http.StatusOK, acknowledged, wake), nil
}

func answer(status int, body string, events []api.CaseEvent) api.ReceivePaymentCallback200JSONResponse {
	if events == nil {
		events = []api.CaseEvent{}
	}
	return api.ReceivePaymentCallback200JSONResponse{Status: status, ContentType: "application/json", Body: body, Events: events}
}
