package wechatpay

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
)

var billed = wechatpaytest.Refund{
	Number: "rf_1", Trade: "T20260101", Reference: "503001", Status: "SUCCESS", Refund: 1080, Total: 9999, Currency: "CNY",
}

func TestABillIsReadAsItIsWritten(t *testing.T) {
	c, platform := connected(t)
	second := billed
	second.Number, second.Reference, second.Status, second.Refund = "MCHWEB|1*2@3", "503002", "PROCESSING", 5
	platform.SetBill(wechatpaytest.Bill{Content: wechatpaytest.BillOf(billed, second)})

	refunds, err := c.Bill(t.Context(), "2026-01-01")
	require.NoError(t, err)
	require.Empty(t, platform.BadSignatures(), "both requests are signed, with path and query")
	require.Equal(t, []domain.ProviderRefund{
		{
			RefundNumber: "rf_1", PaymentReference: "T20260101", Reference: "503001", Status: domain.ProviderSucceeded,
			Amount: 1080, PaymentTotal: 9999, Currency: "CNY", SucceededAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		},
		{
			RefundNumber: "MCHWEB|1*2@3", PaymentReference: "T20260101", Reference: "503002", Status: domain.ProviderProcessing,
			Amount: 5, PaymentTotal: 9999, Currency: "CNY", SucceededAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		},
	}, refunds)
}

func TestABillIsNotBelievedUnlessItIsWhatThePlatformSigned(t *testing.T) {
	content := wechatpaytest.BillOf(billed)
	for name, bill := range map[string]wechatpaytest.Bill{
		"another digest":          {Content: content, Digest: strings.Repeat("0", 40)},
		"cut on its way":          {Content: content, Cut: true},
		"unsigned answer":         {Content: content, Unsigned: true},
		"unsigned refusal":        {Status: 400, Code: "NO_STATEMENT_EXIST", Unsigned: true},
		"without a summary":       {Content: content[:strings.Index(content, "总交易单数")]},
		"with a line too short":   {Content: wechatpaytest.BillNames + "\n`a,`b\n总交易单数\n`1\n"},
		"with an unknown status":  {Content: strings.Replace(content, "`SUCCESS", "`PERHAPS", 1)},
		"with an amount in words": {Content: strings.ReplaceAll(content, "`10.80", "`ten")},
		"with an amount too fine": {Content: strings.ReplaceAll(content, "`10.80", "`10.801")},
		"with an amount below 0":  {Content: strings.ReplaceAll(content, "`10.80", "`-1.80")},
		"without a number":        {Content: strings.Replace(content, "`rf_1", "`", 1)},
		"without the columns":     {Content: "a,b\n`1,`2\n总交易单数\n"},
		"empty":                   {Content: ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, platform := connected(t)
			platform.SetBill(bill)
			refunds, err := c.Bill(t.Context(), "2026-01-01")
			failure, ok := errors.AsType[*domain.ProviderError](err)
			require.True(t, ok, "error is %v", err)
			require.Equal(t, domain.OutcomeUnknown, failure.Outcome)
			require.Empty(t, refunds)
			require.NotContains(t, err.Error(), "oSecret")
		})
	}
}

func TestABillIsFetchedFromNobodyElse(t *testing.T) {
	c, platform := connected(t)
	content := wechatpaytest.BillOf(billed)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("asked with the signature %s", r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(content))
	}))
	t.Cleanup(other.Close)
	for _, address := range []string{
		other.URL + "/v3/billdownload/file", strings.Replace(platform.URL, "http://", "http://a@", 1), "//" + other.Listener.Addr().String(),
		"file:///etc/passwd", ":",
	} {
		platform.SetBill(wechatpaytest.Bill{Content: content, URL: address})
		_, err := c.Bill(t.Context(), "2026-01-01")
		require.ErrorContains(t, err, "not the platform's", address)
	}
}

func TestADayWithoutABillIsTold(t *testing.T) {
	for code, want := range map[string]error{
		"NO_STATEMENT_EXIST": nil, "STATEMENT_CREATING": domain.ErrBillNotReady, "PARAM_ERROR": domain.ErrNoBill,
	} {
		c, platform := connected(t)
		platform.SetBill(wechatpaytest.Bill{Status: 400, Code: code})
		refunds, err := c.Bill(t.Context(), "2026-01-01")
		require.ErrorIs(t, err, want, code)
		require.Empty(t, refunds)
	}
}

func TestABillsDayIsChinas(t *testing.T) {
	c, _ := connected(t)
	from, to, err := c.Day("2026-01-01")
	require.NoError(t, err)
	require.Equal(t, time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC), from.UTC())
	require.Equal(t, 24*time.Hour, to.Sub(from))
	_, _, err = c.Day("2026-02-30")
	require.Error(t, err)
}

func FuzzParseBill(f *testing.F) {
	f.Add([]byte(wechatpaytest.BillOf(billed)))
	f.Add([]byte(wechatpaytest.BillNames + "\n总交易单数\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		refunds, err := parseBill(content)
		if err != nil && refunds != nil {
			t.Fatal("a bill that is refused has refunds")
		}
		for _, r := range refunds {
			if r.RefundNumber == "" || r.Amount < 0 || r.Amount > 1e14 || r.Status == "" {
				t.Fatalf("read %+v", r)
			}
		}
	})
}
