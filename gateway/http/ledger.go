package http

import (
	"bytes"
	"context"
	"mime"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/httpclient"
)

// GetLedgerBalances returns what the accounts of the merchant's ledger stand at.
func (h *Handlers) GetLedgerBalances(ctx context.Context, _ api.GetLedgerBalancesRequestObject) (api.GetLedgerBalancesResponseObject, error) {
	balances, err := read(h.Services.Payment.GetLedgerBalancesWithResponse(ctx, access.From(ctx).MerchantID))
	return api.GetLedgerBalances200JSONResponse(balances), err
}

// ListLedgerEntries returns what was booked for the merchant.
func (h *Handlers) ListLedgerEntries(ctx context.Context, r api.ListLedgerEntriesRequestObject) (api.ListLedgerEntriesResponseObject, error) {
	p := r.Params
	page, err := read(h.Services.Payment.ListLedgerEntriesWithResponse(ctx, access.From(ctx).MerchantID, &payment.ListLedgerEntriesParams{
		CaseID: p.CaseID, Account: p.Account, From: p.From, To: p.To, Cursor: p.Cursor, Limit: p.Limit,
	}))
	return api.ListLedgerEntries200JSONResponse(page), err
}

// GetLedgerStatement returns a period of the merchant's ledger, in the form in which the payment service gives it.
func (h *Handlers) GetLedgerStatement(ctx context.Context, r api.GetLedgerStatementRequestObject) (api.GetLedgerStatementResponseObject, error) {
	p := r.Params
	answer, err := h.Services.Payment.GetLedgerStatementWithResponse(ctx, access.From(ctx).MerchantID, &payment.GetLedgerStatementParams{
		From: p.From, To: p.To, Currency: p.Currency, Format: recode[payment.GetLedgerStatementParamsFormat](p.Format), Accept: p.Accept,
	})
	if err != nil {
		return nil, err
	}
	if err := public(httpclient.CheckStatus(answer.StatusCode(), answer.Body)); err != nil {
		return nil, err
	}
	if kind, _, _ := mime.ParseMediaType(answer.ContentType()); kind == "text/csv" {
		return api.GetLedgerStatement200TextCsvResponse{Body: bytes.NewReader(answer.Body), ContentLength: int64(len(answer.Body))}, nil
	}
	statement, err := read(answer, nil)
	return api.GetLedgerStatement200JSONResponse(statement), err
}
