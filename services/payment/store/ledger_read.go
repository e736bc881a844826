package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/problem"
)

// EntryFilter chooses entries of a merchant; zero fields do not filter.
type EntryFilter struct {
	CaseID string
	// Account is on either side.
	Account domain.Account
	// From is included, To is not.
	From, To time.Time
	After    EntryPlace
	Limit    int
}

// EntryPlace is where an entry is in the order of entries: by time, then by id.
type EntryPlace struct {
	At            time.Time
	Subject, Step string
}

// PlaceOf returns the place of an entry.
func PlaceOf(e domain.Entry) EntryPlace {
	return EntryPlace{At: e.At, Subject: e.Subject, Step: e.Step}
}

// Entries returns entries, the oldest first, and whether there are more.
func (s *Store) Entries(ctx context.Context, merchantID string, f EntryFilter) (page []domain.Entry, more bool, err error) {
	query := s.db.WithContext(ctx).Where("merchant_id = ?", merchantID)
	if f.CaseID != "" {
		query = query.Where("case_id = ?", f.CaseID)
	}
	if f.Account != "" {
		query = query.Where("(debit_account = ? OR credit_account = ?)", f.Account, f.Account)
	}
	if from := latest(f.From, f.After.At); !from.IsZero() {
		query = query.Where("at >= ?", database.At(from))
	}
	if !f.To.IsZero() {
		query = query.Where("at < ?", database.At(f.To))
	}
	if a := f.After; !a.At.IsZero() {
		at := database.At(a.At)
		query = query.Where("(at > ? OR (at = ? AND (subject > ? OR (subject = ? AND step > ?))))", at, at, a.Subject, a.Subject, a.Step)
	}
	var rows []entryRow
	if err := query.Order("at, subject, step").Limit(f.Limit + 1).Find(&rows).Error; err != nil {
		return nil, false, err
	}
	if more = len(rows) > f.Limit; more {
		rows = rows[:f.Limit]
	}
	page = make([]domain.Entry, len(rows))
	for i, row := range rows {
		page[i] = row.entry()
	}
	return page, more, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sum is what moved between two accounts in one phase, in total.
type sum struct {
	DebitAccount, CreditAccount, Currency, Phase string
	Amount                                       int64
}

func sums(query *gorm.DB, merchantID string) ([]sum, error) {
	var found []sum
	err := query.Model(&entryRow{}).Where("merchant_id = ?", merchantID).
		Select("debit_account, credit_account, currency, phase, SUM(amount) AS amount").
		Group("debit_account, credit_account, currency, phase").Find(&found).Error
	return found, err
}

// Balances returns what the merchant's accounts stand at, by currency and account.
func (s *Store) Balances(ctx context.Context, merchantID string) ([]domain.Balance, error) {
	found, err := sums(s.db.WithContext(ctx), merchantID)
	if err != nil {
		return nil, err
	}
	return balancesOf(found), nil
}

func balancesOf(found []sum) []domain.Balance {
	var balances domain.Balances
	for _, f := range found {
		balances.Add(f.Currency, domain.Phase(f.Phase), domain.Leg{Debit: domain.Account(f.DebitAccount), Credit: domain.Account(f.CreditAccount)}, f.Amount)
	}
	return balances.Sorted()
}

// MaxStatement is how many entries a statement has at most. As JSON they fit into the 8 MiB that processes take from each
// other.
const MaxStatement = 10_000

// Statement is a period of the ledger in one currency.
type Statement struct {
	Currency string
	// From is in the period, To is not.
	From, To time.Time
	// Opening are the balances before the period, Period what moved in it.
	Opening, Period []domain.Balance
	Entries         []domain.Entry
}

// Statement returns a period of the merchant's ledger, or a 422 problem statement_too_long.
func (s *Store) Statement(ctx context.Context, merchantID, currency string, from, to time.Time) (Statement, error) {
	statement := Statement{Currency: currency, From: from, To: to}
	db := s.db.WithContext(ctx)
	before, err := sums(db.Where("currency = ? AND at < ?", currency, database.At(from)), merchantID)
	if err != nil {
		return Statement{}, err
	}
	statement.Opening = balancesOf(before)
	var rows []entryRow
	err = db.Where("merchant_id = ? AND at >= ? AND at < ? AND currency = ?", merchantID, database.At(from), database.At(to), currency).
		Order("at, subject, step").Limit(MaxStatement + 1).Find(&rows).Error
	if err != nil {
		return Statement{}, err
	}
	if len(rows) > MaxStatement {
		return Statement{}, problem.Unprocessable("statement_too_long", "the period has more entries than fit into a statement; ask for shorter periods").
			With("max_entries", MaxStatement)
	}
	var period domain.Balances
	statement.Entries = make([]domain.Entry, len(rows))
	for i, row := range rows {
		e := row.entry()
		statement.Entries[i] = e
		period.Add(e.Currency, e.Phase, e.Leg, e.Amount)
	}
	statement.Period = period.Sorted()
	return statement, nil
}

// Accounts returns the accounts of the statement, in the order of their names.
func (s Statement) Accounts() []AccountPeriod {
	periods := map[domain.Account]*AccountPeriod{}
	at := func(a domain.Account) *AccountPeriod {
		if periods[a] == nil {
			periods[a] = &AccountPeriod{Account: a}
		}
		return periods[a]
	}
	for _, b := range s.Opening {
		at(b.Account).Opening = b.Balance()
	}
	for _, b := range s.Period {
		p := at(b.Account)
		p.Debits, p.Credits = b.Debits, b.Credits
	}
	accounts := make([]AccountPeriod, 0, len(periods))
	for _, p := range periods {
		accounts = append(accounts, *p)
	}
	slices.SortFunc(accounts, func(a, b AccountPeriod) int { return strings.Compare(string(a.Account), string(b.Account)) })
	return accounts
}

// AccountPeriod is one account over the period of a statement, in minor units.
type AccountPeriod struct {
	Account                  domain.Account
	Opening, Debits, Credits int64
}

// Closing is the balance after the period.
func (p AccountPeriod) Closing() int64 { return p.Opening + p.Debits - p.Credits }
