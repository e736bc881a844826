package payment_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/payment"
	"aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
)

func TestABookingIsToldByWhatItCameTo(t *testing.T) {
	const posted = `{"booking_id":"c1:freight","state":"posted","kind":"freight_insurance_payout","case_id":"c1","cause":"return_freight",
		"bearer":"insurer","amount":{"amount":5,"currency":"CNY"},"entries":[]}`
	for name, test := range map[string]struct {
		status int
		body   string
		kind   string
		again  bool
	}{
		"booked":                        {http.StatusOK, posted, "", false},
		"booked otherwise":              {http.StatusConflict, `{"code":"booking_differs","status":409}`, fault.Conflicting, false},
		"a service without a ledger":    {http.StatusNotFound, `{"code":"not_found","status":404}`, fault.Unavailable, true},
		"a service of other operations": {http.StatusMethodNotAllowed, `{}`, fault.Unavailable, true},
		"a service in trouble":          {http.StatusServiceUnavailable, `{"code":"unavailable","status":503}`, fault.Unavailable, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPut || r.URL.Path != "/v1/merchants/m1/ledger/bookings/c1:freight" {
					t.Errorf("asked for %s %s", r.Method, r.URL.Path)
				}
				kind := map[bool]string{true: "application/json", false: "application/problem+json"}
				w.Header().Set("Content-Type", kind[test.status == http.StatusOK])
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			activities, err := payment.New(httpclient.Options{BaseURL: server.URL})
			require.NoError(t, err)
			state, err := activities.Book(t.Context(), payment.Booking{MerchantID: "m1", BookingID: "c1:freight", Input: api.LedgerBookingInput{
				Phase: api.LedgerBookingInputPhasePost, Kind: api.LedgerBookingInputKindFreightInsurancePayout, CaseID: "c1",
				Cause: "return_freight", Bearer: api.Insurer, Amount: money.Money{Amount: 5, Currency: "CNY"},
			}})
			if test.kind == "" {
				require.NoError(t, err)
				require.Equal(t, api.LedgerBookingStatePosted, state)
				return
			}
			require.True(t, fault.Is(err, test.kind), "%v", err)
			var failure *temporal.ApplicationError
			require.ErrorAs(t, err, &failure)
			require.Equal(t, test.again, !failure.NonRetryable())
		})
	}
}

func TestANewerInstanceBesideAnOlderOneIsFound(t *testing.T) {
	type connection struct{}
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(connection{}) == int64(1) {
			http.NotFound(w, r) // an instance of a release that has no ledger
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"state":"posted"}`))
	}))
	// A balancer gives each connection to an instance.
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connection{}, connections.Add(1))
	}
	server.Start()
	defer server.Close()
	activities, err := payment.New(httpclient.Options{BaseURL: server.URL})
	require.NoError(t, err)
	booking := payment.Booking{MerchantID: "m1", BookingID: "c1:freight", Input: api.LedgerBookingInput{Phase: api.LedgerBookingInputPhasePost}}

	_, err = activities.Book(t.Context(), booking)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	state, err := activities.Book(t.Context(), booking)
	require.NoError(t, err)
	require.Equal(t, api.LedgerBookingStatePosted, state)
}
