package cases_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/activities/cases"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
)

func TestAJudgementIsAskedForOnlyIfItIsNotKnown(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodPut || r.URL.Path != "/v1/merchants/m1/cases/c1/judgement" {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, `{"eligible":true,"decision":"review","policy_version":1,"currency":"CNY",
			"lines":[{"line_id":"l1","quantity":2,"eligible":true,"refund":{"amount":5,"currency":"CNY"},"rules":["CN-01"]}],
			"refund":{"goods":{"amount":5,"currency":"CNY"},"freight":{"amount":1,"currency":"CNY"},"total":{"amount":6,"currency":"CNY"}},
			"return_freight":{"payer":"buyer","insured":true},"expected_seconds":1,"rules":[{"rule_id":"CN-01","effect":"allow","text":"by law"}],
			"clocks":{"review_seconds":7,"review_silence":"reject"}}`)
	}))
	defer server.Close()
	a, err := cases.New(httpclient.Options{BaseURL: server.URL})
	require.NoError(t, err)
	ref := cases.CaseRef{MerchantID: "m1", CaseID: "c1"}
	cny := func(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

	verdict, err := a.Judge(t.Context(), cases.Filed{CaseRef: ref})
	require.NoError(t, err)
	require.Equal(t, cases.Verdict{
		Decision: api.JudgementDecisionReview, Currency: "CNY", Insured: true, Rules: []string{"CN-01"},
		Refund: api.RefundQuote{Goods: cny(5), Freight: cny(1), Total: cny(6)},
		Lines:  []api.SettledLine{{LineID: "l1", Quantity: 2, Amount: cny(5)}},
		Clocks: api.Clocks{ReviewSeconds: 7, ReviewSilence: api.ClocksReviewSilenceReject},
	}, verdict)
	require.Equal(t, 1, asked)

	known := cases.Verdict{Decision: api.JudgementDecisionReject, Currency: "CNY"}
	verdict, err = a.Judge(t.Context(), cases.Filed{CaseRef: ref, Verdict: &known})
	require.NoError(t, err)
	require.Equal(t, known, verdict)
	require.Equal(t, 1, asked, "the service is not asked for what was pinned before")
}
