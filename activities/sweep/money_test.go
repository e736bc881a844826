package sweep

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/log"

	"aftercare.dev/services/cases/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/money"
)

// stray are the differences that the payment service tells of, two a page.
func stray(t *testing.T, all []payment.Difference) *sweeping {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/v1/differences" || r.URL.Query().Get("state") != "open" {
			t.Errorf("asked for %s", r.URL)
		}
		from := len(r.URL.Query().Get("cursor"))
		page := payment.DifferencePage{Items: all[from:min(from+2, len(all))]}
		if from+2 < len(all) {
			cursor := string(slices.Repeat([]byte("x"), from+2))
			page.NextCursor = &cursor
		}
		write(out, page)
	}))
	t.Cleanup(server.Close)
	client, err := payment.NewClientWithResponses(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &sweeping{
		payment: client, now: now, log: log.NewStructuredLogger(slog.New(slog.DiscardHandler)), alive: func() {}, counts: map[api.FindingKind]int64{},
	}
}

// about is a difference with amounts, as the contract demands them.
func about(d payment.Difference) payment.Difference {
	none := money.Money{Currency: "CNY"}
	d.Amount, d.ProviderAmount, d.Overpaid = none, none, none
	return d
}

func TestMoneyThatNoCaseCanBeToldOfIsAFinding(t *testing.T) {
	s := stray(t, []payment.Difference{
		about(payment.Difference{DifferenceID: "d1", MerchantID: "m1", CaseID: "c1", Kind: payment.Returned, CreatedAt: ago(time.Hour)}),
		about(payment.Difference{DifferenceID: "d2", MerchantID: "m1", Kind: payment.UnknownRefund, CreatedAt: ago(2 * time.Hour)}),
		about(payment.Difference{DifferenceID: "d3", Kind: payment.UnknownRefund, CreatedAt: ago(3 * time.Hour)}),
	})
	if err := s.strayMoney(t.Context()); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range s.found {
		found = append(found, fmt.Sprintf("%s %s %s %s since %s", f.Kind, f.MerchantID, f.WorkflowID, f.Code, now.Sub(f.Since)))
	}
	want := []string{
		"money_without_case m1 difference/d2 unknown_refund since 2h0m0s",
		"money_without_case unknown difference/d3 unknown_refund since 3h0m0s",
	}
	if !slices.Equal(found, want) {
		t.Errorf("found %q", found)
	}
	if counted := s.report().Total(); counted != 2 {
		t.Errorf("counted %d", counted)
	}
}
