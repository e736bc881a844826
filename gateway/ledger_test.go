package gateway_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const statementOfNothing = `{"currency":"CNY","from":"2026-11-01T00:00:00Z","to":"2026-12-01T00:00:00Z","accounts":[],"entries":[],
	"totals":{"opening":{"amount":0,"currency":"CNY"},"debits":{"amount":0,"currency":"CNY"},"credits":{"amount":0,"currency":"CNY"},"closing":{"amount":0,"currency":"CNY"}}}`

func TestFinanceReadsTheLedgerOfItsOwnMerchant(t *testing.T) {
	w := newWorld(t)
	w.payment.on("GET /v1/merchants/m1/ledger/balances", answer(`{"items":[]}`))
	w.payment.on("GET /v1/merchants/m1/ledger/entries", answer(`{"items":[]}`))
	w.payment.on("GET /v1/merchants/m1/ledger/statements", answer(statementOfNothing))
	const period = "?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z&currency=CNY"
	for _, role := range []string{"finance", "administrator"} {
		token := w.token("f1", role)
		w.ask(token, "GET", "/v1/ledger/balances", "").is(200, "")
		w.ask(token, "GET", "/v1/ledger/entries?case_id=case_1&account=buyer_payable&limit=7", "").is(200, "")
		w.ask(token, "GET", "/v1/ledger/statements"+period, "").is(200, "")
	}
	asked := url.Values(w.payment.asked("GET", "/entries")[0].query)
	if asked.Get("case_id") != "case_1" || asked.Get("account") != "buyer_payable" || asked.Get("limit") != "7" {
		t.Errorf("asks for %v", asked)
	}
	before := len(w.payment.asked("GET", ""))
	for _, role := range []string{"storefront", "agent", "warehouse", "operator", "buyer"} {
		for _, path := range []string{"balances", "entries", "statements" + period} {
			w.ask(w.token("x1", role), "GET", "/v1/ledger/"+path, "").is(403, "forbidden")
		}
	}
	if after := len(w.payment.asked("GET", "")); after != before {
		t.Errorf("the payment service was asked %d times for those who may not", after-before)
	}
}

func TestAStatementComesAsCSVToWhoWantsIt(t *testing.T) {
	w := newWorld(t)
	const lines = "record,at\ntotal,2026-12-01T00:00:00Z\n"
	w.payment.on("GET /v1/merchants/m1/ledger/statements", func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("format") == "csv" || strings.HasPrefix(r.Header.Get("Accept"), "text/csv") {
			out.Header().Set("Content-Type", "text/csv")
			_, _ = out.Write([]byte(lines))
			return
		}
		answer(statementOfNothing)(out, r)
	})
	token := w.token("f1", "finance")
	const path = "/v1/ledger/statements?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z&currency=CNY"
	for _, got := range []response{
		w.ask(token, "GET", path+"&format=csv", "").is(200, ""),
		w.ask(token, "GET", path, "", "Accept", "text/csv").is(200, ""),
	} {
		if got.body != lines || got.header.Get("Content-Type") != "text/csv" {
			t.Errorf("%s: %s", got.header.Get("Content-Type"), got.body)
		}
	}
	if got := w.ask(token, "GET", path, "").is(200, ""); !strings.HasPrefix(got.body, "{") {
		t.Errorf("without a wish: %s", got.body)
	}
}
