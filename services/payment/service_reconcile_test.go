package payment_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	openapi_types "github.com/oapi-codegen/runtime/types"
	"github.com/stretchr/testify/require"

	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
)

func TestADifferenceGoesItsWholeWayThroughTheContract(t *testing.T) {
	client, platform := start(t)
	outside := wechatpaytest.Refund{Number: "W1", Trade: "T00001", Reference: "509", Status: "SUCCESS", Refund: 400, Total: 1000, Currency: "CNY"}
	platform.SetBill(wechatpaytest.Bill{Content: wechatpaytest.BillOf(outside)})
	day := openapi_types.Date{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}

	for run := range int64(2) {
		done, err := client.ReconcileDayWithResponse(t.Context(), "wechatpay", day)
		require.NoError(t, err)
		require.NotNil(t, done.JSON200, string(done.Body))
		require.Equal(t, []int64{run + 1, 1, 0, 1}, []int64{done.JSON200.Runs, done.JSON200.InBill, done.JSON200.Ours, done.JSON200.Found})
	}

	open, one := api.Open, 1
	listed, err := client.ListAllDifferencesWithResponse(t.Context(), &api.ListAllDifferencesParams{State: &open, Limit: &one})
	require.NoError(t, err)
	require.Len(t, listed.JSON200.Items, 1)
	require.Nil(t, listed.JSON200.NextCursor)
	found := listed.JSON200.Items[0]
	require.Equal(t, "2026-01-01", found.BillDate.String())
	require.Equal(t, []string{merchant, "o1", "p1", "", "W1"}, []string{found.MerchantID, found.OrderID, found.PaymentID, found.CaseID, found.RefundNumber})
	require.Equal(t, cny(400), found.ProviderAmount)

	caseID := "case1"
	told, err := client.MarkDifferenceToldWithResponse(t.Context(), found.DifferenceID, api.ToldInput{CaseID: &caseID})
	require.NoError(t, err)
	require.Equal(t, api.Told, told.JSON200.State)
	of, err := client.ListDifferencesWithResponse(t.Context(), merchant, &api.ListDifferencesParams{CaseID: &caseID})
	require.NoError(t, err)
	require.Len(t, of.JSON200.Items, 1)

	other, err := client.ResolveDifferenceWithResponse(t.Context(), "m2", found.DifferenceID, api.ResolveDifferenceInput{ActorID: "f1"})
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, other.StatusCode())
	resolved, err := client.ResolveDifferenceWithResponse(t.Context(), merchant, found.DifferenceID, api.ResolveDifferenceInput{ActorID: "f1"})
	require.NoError(t, err)
	require.Equal(t, api.Resolved, resolved.JSON200.State)
	again, err := client.ResolveDifferenceWithResponse(t.Context(), merchant, found.DifferenceID, api.ResolveDifferenceInput{ActorID: "f2"})
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, again.StatusCode())

	_, err = reserve(t, client, "case1:1", 551)
	require.ErrorContains(t, err, "exceeds_paid")

	platform.SetBill(wechatpaytest.Bill{Status: 400, Code: "STATEMENT_CREATING"})
	early, err := client.ReconcileDayWithResponse(t.Context(), "wechatpay", day)
	require.NoError(t, err)
	var refusal struct{ Code string }
	require.NoError(t, json.Unmarshal(early.Body, &refusal))
	require.Equal(t, "bill_not_ready", refusal.Code)
	require.Equal(t, http.StatusServiceUnavailable, early.StatusCode())
}
