package http

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"aftercare.dev/services/payment/store"
)

// statementColumns: a line is of the account that it names, or an entry between two.
var statementColumns = []string{
	"record", "at", "entry_id", "phase", "kind", "case_id", "cause", "bearer", "debit_account", "credit_account",
	"account", "amount", "debits", "credits", "currency",
}

// statementCSV writes opening balances, entries, closing balances and totals, in minor units.
func statementCSV(s store.Statement) *bytes.Buffer {
	var out bytes.Buffer
	lines := csv.NewWriter(&out)
	write := func(fields ...string) {
		for i, field := range fields {
			fields[i] = plain(field)
		}
		_ = lines.Write(fields) // a buffer takes everything
	}
	write(statementColumns...)
	accounts := s.Accounts()
	for _, a := range accounts {
		write("opening", stamp(s.From), "", "", "", "", "", "", "", "", string(a.Account), minor(a.Opening), "", "", s.Currency)
	}
	for _, e := range s.Entries {
		write("entry", stamp(e.At), e.ID(), string(e.Phase), string(e.Kind), e.CaseID, e.Cause, string(e.Bearer),
			string(e.Leg.Debit), string(e.Leg.Credit), "", minor(e.Amount), "", "", e.Currency)
	}
	var total store.AccountPeriod
	for _, a := range accounts {
		write("closing", stamp(s.To), "", "", "", "", "", "", "", "", string(a.Account), minor(a.Closing()), minor(a.Debits), minor(a.Credits), s.Currency)
		total.Opening, total.Debits, total.Credits = total.Opening+a.Opening, total.Debits+a.Debits, total.Credits+a.Credits
	}
	write("total", stamp(s.To), "", "", "", "", "", "", "", "", "", minor(total.Closing()), minor(total.Debits), minor(total.Credits), s.Currency)
	lines.Flush()
	return &out
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func minor(amount int64) string { return strconv.FormatInt(amount, 10) }

// plain keeps a spreadsheet from taking what others wrote, such as a number of a provider's pages, for a formula. Amounts
// may begin with a minus.
func plain(field string) string {
	if field == "" || !strings.ContainsRune("=+-@\t\r", rune(field[0])) {
		return field
	}
	if _, err := strconv.ParseInt(field, 10, 64); err == nil && field[0] == '-' {
		return field
	}
	return "'" + field
}
