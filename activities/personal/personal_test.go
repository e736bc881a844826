package personal_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/personal"
	"aftercare.dev/services/platform/httpclient"
)

// services answer in place of all four, and remember what they were asked.
type services struct {
	mu      sync.Mutex
	asked   []string
	answers map[string][]string // by method and path, one after the other; the last one again and again
	status  map[string]int
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	s.asked = append(s.asked, call+" "+string(body))
	answers := s.answers[call]
	if len(answers) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if len(answers) > 1 {
		s.answers[call] = answers[1:]
	}
	w.Header().Set("Content-Type", "application/json")
	if status := s.status[call]; status != 0 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
	}
	_, _ = io.WriteString(w, answers[0])
}

func start(t *testing.T, s *services) (*personal.Activities, *testsuite.TestActivityEnvironment) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	at := httpclient.Options{BaseURL: server.URL}
	activities, err := personal.New(personal.Addresses{Order: at, Logistics: at, Cases: at, Notification: at})
	require.NoError(t, err)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(activities)
	return activities, env
}

var buyer = personal.Buyer{MerchantID: "m1", BuyerID: "b1"}

func TestEveryOrderOfABuyerIsForgottenWithItsParcels(t *testing.T) {
	s := &services{answers: map[string][]string{
		"POST /v1/merchants/m1/buyers/b1/erasure": {
			`{"order_ids":["o1","o2"],"more":true}`, `{"order_ids":["o3"],"more":false}`,
		},
		"POST /v1/merchants/m1/personal-data/erasures": {`{"dropped":2,"more":false}`},
	}}
	a, env := start(t, s)
	value, err := env.ExecuteActivity(a.ForgetOrders, buyer)
	require.NoError(t, err)
	var done personal.Dropped
	require.NoError(t, value.Get(&done))
	require.Equal(t, int64(3), done.Rows)
	require.Equal(t, []string{
		"POST /v1/merchants/m1/buyers/b1/erasure {}",
		`POST /v1/merchants/m1/personal-data/erasures {"order_ids":["o1","o2"]}`,
		`POST /v1/merchants/m1/buyers/b1/erasure {"after":"o2"}`,
		`POST /v1/merchants/m1/personal-data/erasures {"order_ids":["o3"]}`,
	}, s.asked)
}

func TestEveryCaseAndMessageOfABuyerIsForgotten(t *testing.T) {
	s := &services{answers: map[string][]string{
		"POST /v1/merchants/m1/buyers/b1/erasure/pages": {
			`{"cases":50,"photos":3,"last":"case_5","more":true}`, `{"cases":1,"photos":0,"last":"case_6","more":false}`,
		},
		"DELETE /v1/merchants/m1/buyers/b1/personal-data": {`{"dropped":200,"more":true}`, `{"dropped":7,"more":false}`},
	}}
	a, env := start(t, s)
	for _, one := range []struct {
		run  any
		want personal.Dropped
	}{{a.ForgetCases, personal.Dropped{Rows: 51, Photos: 3}}, {a.ForgetMessages, personal.Dropped{Rows: 207}}} {
		value, err := env.ExecuteActivity(one.run, buyer)
		require.NoError(t, err)
		var done personal.Dropped
		require.NoError(t, value.Get(&done))
		require.Equal(t, one.want, done)
	}
	require.Contains(t, s.asked, `POST /v1/merchants/m1/buyers/b1/erasure/pages {"after":"case_5"}`)
}

func TestAnOpenCaseIsAConflictThatTheWorkflowWaitsFor(t *testing.T) {
	problem, err := json.Marshal(map[string]any{"type": "about:blank", "title": "x", "status": 409, "code": "buyer_has_open_cases"})
	require.NoError(t, err)
	call := "POST /v1/merchants/m1/buyers/b1/erasure/pages"
	a, env := start(t, &services{answers: map[string][]string{call: {string(problem)}}, status: map[string]int{call: http.StatusConflict}})
	_, err = env.ExecuteActivity(a.ForgetCases, buyer)
	require.True(t, fault.Is(err, fault.Conflicting), "%v", err)
	require.Equal(t, "buyer_has_open_cases", fault.Code(err))
}

func TestRetentionGoesOnUntilAServiceHasNoMore(t *testing.T) {
	s := &services{answers: map[string][]string{"POST /v1/retention": {
		`{"dropped":50,"more":true}`, `{"dropped":50,"more":true}`, `{"dropped":0,"more":false}`,
	}}}
	a, env := start(t, s)
	for i, service := range personal.Services {
		value, err := env.ExecuteActivity(a.Retain, service)
		require.NoError(t, err)
		var done personal.Dropped
		require.NoError(t, value.Get(&done))
		if i == 0 {
			require.Equal(t, int64(100), done.Rows)
		}
	}
	require.Len(t, s.asked, 3+len(personal.Services)-1)
}
