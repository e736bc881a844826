package gateway_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aftercare.dev/gateway"
	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/problem"
)

func TestASettingThatCannotBeUsedIsNamed(t *testing.T) {
	fine := []string{"JWT_ISSUER=i", "JWT_AUDIENCE=a", "JWT_PUBLIC_KEYS=/nowhere/keys.pem"}
	for variable, environ := range map[string][]string{
		"JWT_ISSUER":                  fine[1:],
		"ORDER_URL":                   append([]string{"ORDER_URL=order"}, fine...),
		"GATEWAY_REQUESTS_PER_SECOND": append([]string{"GATEWAY_REQUESTS_PER_SECOND=-1"}, fine...),
		"JWT_PUBLIC_KEYS":             fine,
	} {
		cfg, err := config.Load[gateway.Config]("", environ)
		if err == nil {
			_, err = gateway.New(t.Context(), cfg, &fakeTemporal{}, slog.New(slog.DiscardHandler))
		}
		var wrong *config.Error
		if !errors.As(err, &wrong) || !strings.HasPrefix(wrong.Sentence, variable+" ") {
			t.Errorf("%s: %v", variable, err)
		}
	}
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	w.ask("", "GET", "/livez", "").is(200, "")
	w.ask("", "GET", "/readyz", "").is(200, "")
	w.temporal.health = errors.New("down")
	w.cases.on("GET /readyz", refusing(problem.Unavailable("unavailable", "starting")))
	if body := w.ask("", "GET", "/readyz", "").is(503, "").body; !strings.Contains(body, `"missing":["cases","temporal"]`) {
		t.Errorf("says %s", body)
	}
	w.ask("", "GET", "/livez", "").is(200, "")
}

func TestWhoAsksTooOftenIsToldWhenToComeBack(t *testing.T) {
	w := newWorld(t, "GATEWAY_REQUESTS_PER_SECOND=0.01")
	token := w.token(owner, "buyer")
	w.ask(token, "GET", "/v1/cases/case_1", "").is(200, "")
	answer := w.ask(token, "GET", "/v1/cases/case_1", "").is(429, "too_many_requests")
	if after := answer.header.Get("Retry-After"); after != "100" && after != "99" {
		t.Errorf("come back after %q", after)
	}
	w.ask(w.token("a1", "agent"), "GET", "/v1/cases/case_1", "").is(200, "")
}

func TestAPhotoIsPassedOnAndTooLargeOnesAreNot(t *testing.T) {
	w := newWorld(t)
	w.cases.on("POST /v1/merchants/{merchant}/evidence",
		answer(`{"evidence_id":"ev_1","content_type":"image/png","size_bytes":3,"width":1,"height":1}`))
	token := w.token(owner, "buyer")
	const stream = "application/octet-stream"
	if got := w.ask(token, "POST", "/v1/evidence", "\x89PN", "Content-Type", stream).is(201, ""); got.member("evidence_id") != "ev_1" {
		t.Errorf("answers %s", got.body)
	}
	passed := w.cases.asked("POST", "/evidence")[0]
	if passed.body != "\x89PN" || passed.query["role"][0] != "buyer" || passed.query["actor_id"][0] != owner {
		t.Errorf("passes %+v", passed)
	}
	w.ask(token, "POST", "/v1/evidence", strings.Repeat("x", 10<<20+1), "Content-Type", stream).is(413, "too_large")
	t.Run("also when nobody says how large it is", func(t *testing.T) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.gateway.URL+"/v1/evidence", io.MultiReader(strings.NewReader(strings.Repeat("x", 10<<20+1))))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", stream)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", answer.StatusCode)
		}
	})
}

func TestAPhotoIsShownAndNotRun(t *testing.T) {
	w := newWorld(t)
	w.cases.on("GET /v1/merchants/{merchant}/evidence/ev_1", photo)
	got := w.ask(w.token(owner, "buyer"), "GET", "/v1/evidence/ev_1", "").is(200, "")
	if got.body != "\x89PNG" || got.header.Get("Content-Type") != "image/png" || !strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("answers %v %q", got.header, got.body)
	}
	w.cases.on("GET /v1/merchants/{merchant}/evidence/ev_1", refusing(problem.NotFound("evidence_not_found", "none")))
	w.ask(w.token(owner, "buyer"), "GET", "/v1/evidence/ev_1", "").is(404, "evidence_not_found")
}

func TestTheParcelOfTheMomentIsFollowed(t *testing.T) {
	w := newWorld(t)
	w.ask(w.token(owner, "buyer"), "GET", "/v1/cases/case_1/tracking", "").is(200, "")
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1", answer(aCase[:strings.Index(aCase, ",\n\t\t\"shipment\"")]+"}"))
	w.ask(w.token(owner, "buyer"), "GET", "/v1/cases/case_1/tracking", "").is(404, "no_parcel")
}

func TestWhatAServiceRefusesIsPassedOnWithItsFields(t *testing.T) {
	w := newWorld(t)
	w.order.on("PUT /v1/merchants/{merchant}/orders/o1", refusing(problem.Unprocessable("currency_mismatch", "the order is in CNY").
		WithFields(problem.FieldError{Field: "lines[0].amount.currency", Detail: "must be CNY"}).With("currency", "CNY")))
	order := strings.Replace(orderLine("o1"), `"order_id":"o1",`, "", 1)
	answer := w.ask(w.token("shop", "storefront"), "PUT", "/v1/orders/o1", order).is(422, "currency_mismatch")
	answer.names("lines[0].amount.currency")
	if answer.member("currency") != "CNY" {
		t.Errorf("says %s", answer.body)
	}
}

func TestAServiceThatIsNotThereIsUnavailableAndNotNamed(t *testing.T) {
	w := newWorld(t)
	w.order.server.Close()
	answer := w.ask(w.token("shop", "storefront"), "GET", "/v1/orders/o1", "").is(503, "unavailable")
	if strings.Contains(answer.body, "127.0.0.1") {
		t.Errorf("says %s", answer.body)
	}
}

func TestAServiceThatDoesNotLetTheGatewayInIsOurFailure(t *testing.T) {
	w := newWorld(t)
	w.order.on("GET /v1/merchants/{merchant}/orders/o1", refusing(problem.Unauthorized("the service token is wrong")))
	w.ask(w.token("shop", "storefront"), "GET", "/v1/orders/o1", "").is(500, "internal")
}

func TestSettingsAndMessagesBelongToTheMerchantOfTheToken(t *testing.T) {
	const endpoint = `{"endpoint_id":"wep_1","url":"https://shop.example/hook","types":[],"enabled":true,"created_at":"2026-11-21T09:00:00Z"}`
	const policy = `{"version":2,"policy":{"windows":{},"review":{"auto_approve":[]},"clocks":{}}}`
	const address = `{"name":"W","phone":"057112345","province":"Zhejiang","city":"Hangzhou","street":"1 Dock Road"}`
	const delivery = `{"delivery_id":"dlv_1","state":"delivered","attempts":1}`
	const read = `{"message_id":"msg_1"}`
	w := newWorld(t)
	const at = "/v1/merchants/m1"
	w.notification.on("GET "+at+"/webhook-endpoints", answer(`{"items":[`+endpoint+`]}`))
	w.notification.on("POST "+at+"/webhook-endpoints", answer(endpoint))
	w.notification.on("PATCH "+at+"/webhook-endpoints/wep_1", answer(endpoint))
	w.notification.on("DELETE "+at+"/webhook-endpoints/wep_1", func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusNoContent) })
	w.notification.on("GET "+at+"/deliveries", answer(`{"items":[`+delivery+`]}`))
	w.notification.on("POST "+at+"/deliveries/dlv_1/resend", answer(delivery))
	w.notification.on("POST "+at+"/inbox/msg_1/read", answer(read))
	w.cases.on("GET "+at+"/policy", answer(policy))
	w.cases.on("PUT "+at+"/policy", answer(policy))
	w.logistics.on("GET "+at+"/return-address", answer(address))
	w.logistics.on("PUT "+at+"/return-address", answer(address))
	w.payment.on("GET "+at+"/refunds", answer(`{"items":[]}`))

	admin := w.token("admin-1", "administrator")
	w.ask(admin, "GET", "/v1/webhook-endpoints", "").is(200, "")
	w.ask(admin, "POST", "/v1/webhook-endpoints", `{"url":"https://shop.example/hook"}`, "Idempotency-Key", key).is(201, "")
	w.ask(admin, "PATCH", "/v1/webhook-endpoints/wep_1", `{"enabled":false}`).is(200, "")
	w.ask(admin, "DELETE", "/v1/webhook-endpoints/wep_1", "").is(204, "")
	w.ask(admin, "GET", "/v1/deliveries?case_id=case_1", "").is(200, "")
	w.ask(admin, "POST", "/v1/deliveries/dlv_1/resend", "").is(200, "")
	w.ask(admin, "POST", "/v1/inbox/msg_1/read", "").is(200, "")
	w.ask(admin, "GET", "/v1/policy?version=2", "").is(200, "")
	w.ask(admin, "GET", "/v1/return-address", "").is(200, "")
	w.ask(admin, "PUT", "/v1/return-address", address).is(200, "")
	w.ask(admin, "GET", "/v1/refunds?case_id=case_1", "").is(200, "")
	w.ask(admin, "PUT", "/v1/policy", `{"windows":{}}`).is(400, "invalid_request").names("review")

	if c := w.notification.asked("POST", "/webhook-endpoints"); len(c) != 1 || !strings.Contains(c[0].body, `"idempotency_key":"idempotency-1"`) {
		t.Errorf("creates with %v", c)
	}
}

func TestABuyerReadsTheirOwnInboxAndTheStaffSharesOne(t *testing.T) {
	w := newWorld(t)
	w.notification.on("POST /v1/merchants/m1/inbox/msg_1/read", answer(`{"message_id":"msg_1"}`))
	w.notification.on("GET /v1/merchants/m1/inbox", answer(`{"items":[]}`))
	for _, c := range []struct{ subject, role, inbox string }{
		{owner, "buyer", owner}, {"a1", "agent", "staff"}, {"admin-1", "administrator", "staff"},
	} {
		token := w.token(c.subject, c.role)
		w.ask(token, "GET", "/v1/inbox", "").is(200, "")
		w.ask(token, "POST", "/v1/inbox/msg_1/read", "").is(200, "")
		for _, call := range [][2]string{{"GET", "/inbox"}, {"POST", "/read"}} {
			asked := w.notification.asked(call[0], call[1])
			if got := asked[len(asked)-1].query["recipient_id"][0]; got != c.inbox {
				t.Errorf("%s: the %s reads the inbox of %s, want %s", call[0], c.role, got, c.inbox)
			}
		}
	}
	w.ask(w.token("staff", "buyer"), "GET", "/v1/inbox", "").is(403, "reserved_subject")
}

func TestAGatewayThatStopsEndsItsStreams(t *testing.T) {
	w := newWorld(t)
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1/timeline", func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("wait_seconds") != "" {
			<-r.Context().Done()
			return
		}
		reply(out, 200, entries(0, 1, "open"))
	})
	stop := w.run()
	_, lines, leave := w.follow(w.token(owner, "buyer"))
	defer leave()
	if !lines.Scan() {
		t.Fatal("nothing comes")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}
}

// run serves as a process does, and returns what stops it.
func (w *world) run() (stop func() error) {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- w.service.Run(ctx, listener) }()
	w.gateway.URL = "http://" + listener.Addr().String()
	return func() error { cancel(); return <-stopped }
}

func TestAPreviewOfABuyerIsAskedInTheirName(t *testing.T) {
	w := newWorld(t)
	w.ask(w.token(owner, "buyer"), "POST", "/v1/previews", filing).is(200, "")
	w.ask(w.token("shop", "storefront"), "POST", "/v1/previews", filing).is(200, "")
	asked := w.cases.asked("POST", "/judgements")
	if !strings.Contains(asked[0].body, `"buyer_id":"buyer-1"`) || strings.Contains(asked[1].body, "buyer_id") {
		t.Errorf("asked with %s and %s", asked[0].body, asked[1].body)
	}
	w.unmoved()
}

func TestTheGatewayWorksWhileAnIssuerIsAway(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	w := newWorld(t, `OIDC_ISSUERS=[{"issuer":"`+away.URL+`","audience":"`+audience+`"}]`)
	w.ask("", "GET", "/readyz", "").is(200, "")
	w.ask(w.token(owner, "buyer"), "GET", "/v1/cases/case_1", "").is(200, "")
	theirs, err := access.Sign(w.signer, access.Principal{Subject: owner, MerchantID: merchant, Roles: []string{"buyer"}}, away.URL, audience, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.ask(theirs, "GET", "/v1/cases/case_1", "").is(503, "unavailable")
}
