package payment_test

import (
	"context"
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
	"aftercare.dev/services/platform/httpclient"
)

// paidRefund sends a refund of 500 and lets it succeed.
func paidRefund(t testing.TB, client *api.ClientWithResponses, platform *wechatpaytest.Platform) string {
	t.Helper()
	reserved, err := reserve(t, client, "case1:1", 450)
	require.NoError(t, err)
	_, err = client.SubmitRefundWithResponse(t.Context(), merchant, "case1:1")
	require.NoError(t, err)
	number := reserved.Parts[0].RefundNumber
	platform.Set(number, func(r *wechatpaytest.Refund) { r.Status = "SUCCESS" })
	refresh := true
	got, err := client.GetRefundWithResponse(t.Context(), merchant, "case1:1", &api.GetRefundParams{Refresh: &refresh})
	require.NoError(t, err)
	require.Equal(t, api.RefundStateSucceeded, got.JSON200.State)
	return number
}

func balances(t testing.TB, client *api.ClientWithResponses, merchantID string) map[string]int64 {
	t.Helper()
	answer, err := client.GetLedgerBalancesWithResponse(t.Context(), merchantID)
	require.NoError(t, err)
	require.NotNil(t, answer.JSON200, "%s", answer.Body)
	by := map[string]int64{}
	for _, b := range answer.JSON200.Items {
		by[b.Account] = b.Balance.Amount
		require.Equal(t, b.Debits.Amount-b.Credits.Amount, b.Balance.Amount)
	}
	return by
}

func TestTheLedgerOfARefundIsReadOverTheContract(t *testing.T) {
	client, platform := start(t)
	number := paidRefund(t, client, platform)
	require.Equal(t, map[string]int64{"merchant_expense": 500, "buyer_payable": 0, "provider_clearing:wechatpay": -500}, balances(t, client, merchant))
	require.Empty(t, balances(t, client, "m2"))

	var ids []string
	limit, caseID := 2, "case1"
	params := api.ListLedgerEntriesParams{CaseID: &caseID, Limit: &limit}
	for {
		page, err := client.ListLedgerEntriesWithResponse(t.Context(), merchant, &params)
		require.NoError(t, err)
		require.NotNil(t, page.JSON200, "%s", page.Body)
		for _, e := range page.JSON200.Items {
			require.Equal(t, cny(500), e.Amount)
			require.Equal(t, "no_reason", e.Cause)
			require.Equal(t, api.Merchant, e.Bearer)
			ids = append(ids, e.EntryID)
		}
		if params.Cursor = page.JSON200.NextCursor; params.Cursor == nil {
			break
		}
	}
	require.Equal(t, []string{number + "/hold", number + "/post", number + "/settle.1"}, ids)

	malformed := "r.1"
	page, err := client.ListLedgerEntriesWithResponse(t.Context(), merchant, &api.ListLedgerEntriesParams{Cursor: &malformed})
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, page.StatusCode())
}

func TestAStatementIsJSONOrCSVAsTheReaderWants(t *testing.T) {
	client, platform := start(t)
	number := paidRefund(t, client, platform)
	asCSV, asJSON := api.Csv, api.JSON
	ask := func(format *api.GetLedgerStatementParamsFormat, accept string) *api.GetLedgerStatementResponse {
		answer, err := client.GetLedgerStatementWithResponse(t.Context(), merchant, &api.GetLedgerStatementParams{
			From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Currency: "CNY", Format: format,
		}, func(_ context.Context, r *http.Request) error {
			r.Header.Set("Accept", accept)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode(), "%s", answer.Body)
		return answer
	}
	for _, answer := range []*api.GetLedgerStatementResponse{ask(nil, "*/*"), ask(&asJSON, "text/csv")} {
		s := answer.JSON200
		require.NotNil(t, s)
		require.Len(t, s.Entries, 3)
		require.Equal(t, api.LedgerTotals{Opening: cny(0), Debits: cny(1000), Credits: cny(1000), Closing: cny(0)}, s.Totals)
		require.Equal(t, api.LedgerAccountPeriod{
			Account: "merchant_expense", Opening: cny(0), Debits: cny(500), Credits: cny(0), Closing: cny(500),
		}, s.Accounts[1])
	}
	for _, answer := range []*api.GetLedgerStatementResponse{ask(nil, "text/csv; charset=utf-8, */*"), ask(&asCSV, "application/json")} {
		require.True(t, strings.HasPrefix(answer.ContentType(), "text/csv"), answer.ContentType())
		lines, err := csv.NewReader(strings.NewReader(string(answer.Body))).ReadAll()
		require.NoError(t, err)
		require.Len(t, lines, 1+3+3+3+1)
		records := map[string]int{}
		for _, line := range lines {
			records[line[0]]++
		}
		require.Equal(t, map[string]int{"record": 1, "opening": 3, "entry": 3, "closing": 3, "total": 1}, records)
		require.Equal(t, number+"/hold", lines[4][2])
		require.Equal(t, []string{"0", "1000", "1000", "CNY"}, lines[10][11:])
	}
}

func TestAStatementOfNoTimeIsRefused(t *testing.T) {
	client, _ := start(t)
	now := time.Now()
	answer, err := client.GetLedgerStatementWithResponse(t.Context(), merchant, &api.GetLedgerStatementParams{From: now, To: now, Currency: "CNY"})
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, answer.StatusCode())
}

func TestMoneyThatIsNoRefundIsBookedForItsCase(t *testing.T) {
	client, _ := start(t)
	put := func(id string, in api.LedgerBookingInput) (api.LedgerBooking, error) {
		answer, err := client.PutLedgerBookingWithResponse(t.Context(), merchant, id, in)
		require.NoError(t, err)
		return httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	}
	payout := api.LedgerBookingInput{
		Phase: api.LedgerBookingInputPhasePost, Kind: api.LedgerBookingInputKindFreightInsurancePayout, CaseID: "case1",
		Cause: "no_reason", Bearer: api.Insurer, Amount: cny(1200),
	}
	for range 2 {
		booking, err := put("case1:insurance", payout)
		require.NoError(t, err)
		require.Equal(t, api.LedgerBookingStatePosted, booking.State)
		require.Len(t, booking.Entries, 2)
	}
	require.Equal(t, map[string]int64{"freight_insurance": 1200, "insurer": -1200}, balances(t, client, merchant))

	payout.Phase = api.LedgerBookingInputPhaseReverse
	booking, err := put("case1:insurance", payout)
	require.NoError(t, err)
	require.Equal(t, api.LedgerBookingStateReversed, booking.State)
	require.Equal(t, map[string]int64{"freight_insurance": 0, "insurer": 0}, balances(t, client, merchant))

	via, freight := "wechatpay", payout
	freight.Phase, freight.Kind, freight.Via = api.LedgerBookingInputPhasePost, api.LedgerBookingInputKindFee, &via
	_, err = put("fee1", freight)
	require.NoError(t, err)
	require.Equal(t, int64(1200), balances(t, client, merchant)["fee"])
	freight.Amount = cny(0)
	_, err = put("fee2", freight)
	require.ErrorContains(t, err, "above zero")
	freight.Amount = cny(1)
	_, err = put("rf_1", freight)
	require.ErrorContains(t, err, "rf_")
}
