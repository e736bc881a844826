package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"aftercare.dev/deploy/sandbox/payment"
)

// Account is a report beside the truth about the money.
type Account struct {
	Report
	// Journal is what the provider's journal says was paid, in minor units, by so many refunds.
	Journal        int64 `json:"journal_minor"`
	JournalRefunds int   `json:"journal_refunds"`
}

// Audit reads the payment provider's journal from a sandbox in which nobody else was paid.
func Audit(ctx context.Context, r Report, sandboxURL string) (Account, error) {
	a := Account{Report: r}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, sandboxURL+"/control/journal/payment", http.NoBody)
	if err != nil {
		return a, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return a, fmt.Errorf("read the provider's journal: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	refunds, err := payment.ReadJournal(answer.Body)
	for _, refund := range refunds {
		if refund.Status == payment.Success {
			a.Journal += refund.Amount
			a.JournalRefunds++
		}
	}
	return a, err
}

// Check fails unless every request was answered, every case is closed and was paid once, or waits where it should.
func (a Account) Check() error {
	var errs []error
	for _, fault := range []struct {
		is   bool
		says string
	}{
		{a.Failed > 0, fmt.Sprintf("%d of %d requests failed: %q", a.Failed, a.Requests, a.Failures)},
		{len(a.Lost) > 0, fmt.Sprintf("cases were lost: %q", a.Lost)},
		{a.Closed != a.Filed, fmt.Sprintf("%d of %d cases were closed", a.Closed, a.Filed)},
		{a.Journal != a.Refunded || a.JournalRefunds != a.Closed, fmt.Sprintf(
			"the provider paid %d in %d refunds, the %d closed cases say %d", a.Journal, a.JournalRefunds, a.Closed, a.Refunded)},
	} {
		if fault.is {
			errs = append(errs, errors.New(fault.says))
		}
	}
	return errors.Join(errs...)
}
