package http

import (
	"context"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/store"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

// GetLedgerBalances implements [api.StrictServerInterface].
func (h *Handlers) GetLedgerBalances(ctx context.Context, r api.GetLedgerBalancesRequestObject) (api.GetLedgerBalancesResponseObject, error) {
	balances, err := h.store.Balances(ctx, r.MerchantID)
	if err != nil {
		return nil, err
	}
	items := make([]api.LedgerBalance, len(balances))
	for i, b := range balances {
		of := moneyIn(b.Currency)
		items[i] = api.LedgerBalance{
			Account: string(b.Account), Debits: of(b.Debits), Credits: of(b.Credits), Balance: of(b.Balance()), Pending: of(b.Pending),
		}
	}
	return api.GetLedgerBalances200JSONResponse{Items: items}, nil
}

func moneyIn(currency string) func(int64) money.Money {
	return func(amount int64) money.Money { return money.Money{Amount: amount, Currency: currency} }
}

// ListLedgerEntries implements [api.StrictServerInterface]. A cursor names the entry that the page before ended with.
func (h *Handlers) ListLedgerEntries(ctx context.Context, r api.ListLedgerEntriesRequestObject) (api.ListLedgerEntriesResponseObject, error) {
	filter := store.EntryFilter{
		CaseID: value(r.Params.CaseID), Account: domain.Account(value(r.Params.Account)),
		From: valueTime(r.Params.From), To: valueTime(r.Params.To), Limit: defaultPage,
	}
	if r.Params.Limit != nil {
		filter.Limit = *r.Params.Limit
	}
	if r.Params.Cursor != nil {
		after, ok := entryPlace(*r.Params.Cursor)
		if !ok {
			return nil, problem.Invalid("cursor", "must be next_cursor of the page before")
		}
		filter.After = after
	}
	entries, more, err := h.store.Entries(ctx, r.MerchantID, filter)
	if err != nil {
		return nil, err
	}
	page := api.LedgerEntryPage{Items: entryViews(entries)}
	if more {
		next := entryCursor(entries[len(entries)-1])
		page.NextCursor = &next
	}
	return api.ListLedgerEntries200JSONResponse(page), nil
}

const entryPrefix = "e."

func entryCursor(e domain.Entry) string {
	return entryPrefix + strconv.FormatInt(e.At.UnixMicro(), 10) + "." + e.ID()
}

func entryPlace(cursor string) (store.EntryPlace, bool) {
	rest, ours := strings.CutPrefix(cursor, entryPrefix)
	at, id, _ := strings.Cut(rest, ".")
	slash := strings.LastIndexByte(id, '/')
	micros, err := strconv.ParseInt(at, 10, 64)
	if !ours || err != nil || slash < 0 {
		return store.EntryPlace{}, false
	}
	return store.EntryPlace{At: time.UnixMicro(micros), Subject: id[:slash], Step: id[slash+1:]}, true
}

// GetLedgerStatement implements [api.StrictServerInterface].
func (h *Handlers) GetLedgerStatement(ctx context.Context, r api.GetLedgerStatementRequestObject) (api.GetLedgerStatementResponseObject, error) {
	if !r.Params.From.Before(r.Params.To) {
		return nil, problem.Invalid("to", "must be later than from")
	}
	statement, err := h.store.Statement(ctx, r.MerchantID, r.Params.Currency, r.Params.From, r.Params.To)
	if err != nil {
		return nil, err
	}
	if wantsCSV(r.Params) {
		text := statementCSV(statement)
		return api.GetLedgerStatement200TextCsvResponse{Body: text, ContentLength: int64(text.Len())}, nil
	}
	return api.GetLedgerStatement200JSONResponse(statementView(statement)), nil
}

// wantsCSV: the parameter is stronger than the header, which browsers fill as they like.
func wantsCSV(p api.GetLedgerStatementParams) bool {
	if p.Format != nil {
		return *p.Format == api.Csv
	}
	accepted, _, _ := strings.Cut(value(p.Accept), ",")
	kind, _, _ := strings.Cut(accepted, ";")
	return strings.TrimSpace(kind) == "text/csv"
}

func statementView(s store.Statement) api.LedgerStatement {
	of := moneyIn(s.Currency)
	v := api.LedgerStatement{
		Currency: s.Currency, From: s.From.UTC(), To: s.To.UTC(), Accounts: []api.LedgerAccountPeriod{}, Entries: entryViews(s.Entries),
	}
	var total store.AccountPeriod
	for _, a := range s.Accounts() {
		v.Accounts = append(v.Accounts, api.LedgerAccountPeriod{
			Account: string(a.Account), Opening: of(a.Opening), Debits: of(a.Debits), Credits: of(a.Credits), Closing: of(a.Closing()),
		})
		total.Opening, total.Debits, total.Credits = total.Opening+a.Opening, total.Debits+a.Debits, total.Credits+a.Credits
	}
	v.Totals = api.LedgerTotals{
		Opening: of(total.Opening), Debits: of(total.Debits), Credits: of(total.Credits), Closing: of(total.Closing()),
	}
	return v
}

// PutLedgerBooking implements [api.StrictServerInterface].
func (h *Handlers) PutLedgerBooking(ctx context.Context, r api.PutLedgerBookingRequestObject) (api.PutLedgerBookingResponseObject, error) {
	booking := domain.Booking{
		MerchantID: r.MerchantID, ID: r.BookingID, Kind: domain.Kind(r.Body.Kind), CaseID: r.Body.CaseID, Cause: r.Body.Cause,
		Bearer: domain.Bearer(r.Body.Bearer), Currency: r.Body.Amount.Currency, Amount: r.Body.Amount.Amount,
		Via: domain.ViaManual, Recovers: domain.Advance,
	}
	if r.Body.Via != nil {
		booking.Via = *r.Body.Via
	}
	if r.Body.Recovers != nil {
		booking.Recovers = domain.Account(*r.Body.Recovers)
	}
	if err := booking.Validate(); err != nil {
		return nil, err
	}
	booked, err := h.store.Book(ctx, booking, domain.BookingPhase(r.Body.Phase))
	if err != nil {
		return nil, err
	}
	return api.PutLedgerBooking200JSONResponse{
		BookingID: booking.ID, State: api.LedgerBookingState(booked.State()), Kind: api.LedgerKind(booking.Kind), CaseID: booking.CaseID,
		Cause: booking.Cause, Bearer: api.LedgerBearer(booking.Bearer), Amount: r.Body.Amount, Entries: entryViews(booked),
	}, nil
}

func entryViews(entries []domain.Entry) []api.LedgerEntry {
	views := make([]api.LedgerEntry, len(entries))
	for i, e := range entries {
		views[i] = api.LedgerEntry{
			EntryID: e.ID(), Subject: e.Subject, At: e.At.UTC(), Phase: api.LedgerEntryPhase(e.Phase), Kind: api.LedgerKind(e.Kind),
			CaseID: e.CaseID, Cause: e.Cause, Bearer: api.LedgerBearer(e.Bearer), DebitAccount: string(e.Leg.Debit),
			CreditAccount: string(e.Leg.Credit), Amount: moneyIn(e.Currency)(e.Amount),
			Resolves: otherEntry(e, e.Resolves), Reverses: otherEntry(e, e.Reverses),
		}
	}
	return views
}

func otherEntry(e domain.Entry, step string) *string {
	if step == "" {
		return nil
	}
	e.Step = step
	return optional(e.ID())
}

func valueTime(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
