package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/keys"
	"aftercare.dev/gateway/access"
	order "aftercare.dev/services/order/api"
)

// snapshot is all that wrong input could have changed.
func (s *shop) snapshot(orderID string) string {
	s.t.Helper()
	var all strings.Builder
	for _, path := range []string{"/v1/orders?limit=200", "/v1/cases?limit=200", "/v1/policy", "/v1/webhook-endpoints", "/v1/refunds?order_id=" + orderID} {
		all.Write(s.administrator.get(path).fine().body)
	}
	o := s.order(orderID)
	for _, system := range []string{"payment", "carrier", "insurer", "mail"} {
		all.WriteString(strings.Join(s.h.journal(s.t, system, o.Payments[0].ProviderReference, o.OrderID, o.Deliveries[0].TrackingNumber), "\n"))
	}
	return all.String()
}

// with is a valid request with one thing changed.
func with(valid any, path string, value any) map[string]any {
	encoded, err := json.Marshal(valid)
	var doc map[string]any
	if err = errors.Join(err, json.Unmarshal(encoded, &doc)); err != nil {
		panic(err) // what is given is an input of our own
	}
	var at any = doc
	steps := strings.Split(path, ".")
	for i, step := range steps {
		switch here := at.(type) {
		case map[string]any:
			if i == len(steps)-1 {
				here[step] = value
				return doc
			}
			at = here[step]
		case []any:
			at = here[0]
		}
	}
	return doc
}

type wrong struct {
	method, path string
	body         any
	status       int
	code         string
	// field, if not empty, is the field at fault.
	field string
}

func TestWrongInputGetsAClearAnswerAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.file(application(o))
	eventually(t, "everything delivered", func() bool {
		return len(s.deliveries(c.CaseID, "pending")) == 0 && len(s.deliveries(c.CaseID, "delivered")) > 0
	})
	before := s.snapshot(o)

	valid := input("b1")
	fresh := "/v1/orders/wrong-1"
	crowd := input("b1")
	line := crowd.Lines[0]
	crowd.Lines = nil
	for i := range 10_000 {
		line.LineID = fmt.Sprintf("l%d", i)
		crowd.Lines = append(crowd.Lines, line)
	}
	many := application(o)
	lots := make([]map[string]any, 0, 10_000)
	for i := range 10_000 {
		lots = append(lots, map[string]any{"line_id": fmt.Sprintf("l%d", i), "quantity": 1})
	}
	many["lines"] = lots
	tests := map[string]wrong{
		"malformed JSON":                              {"POST", "/v1/cases", `{"order_id": `, 400, "invalid_request", ""},
		"no JSON at all":                              {"POST", "/v1/cases", `order`, 400, "invalid_request", ""},
		"an array":                                    {"POST", "/v1/cases", `[]`, 400, "invalid_request", ""},
		"an unknown field":                            {"POST", "/v1/cases", with(application(o), "refund", 1), 400, "invalid_request", "body"},
		"an unknown reason":                           {"POST", "/v1/cases", with(application(o), "reason", "because"), 400, "invalid_request", "reason"},
		"an unknown order":                            {"POST", "/v1/cases", application("o_nobody"), 404, "order_not_found", ""},
		"an unknown line":                             {"POST", "/v1/cases", with(application(o), "lines.0.line_id", "hat"), 422, "unknown_line", "lines[0].line_id"},
		"no units":                                    {"POST", "/v1/cases", with(application(o), "lines.0.quantity", 0), 400, "invalid_request", "lines[0].quantity"},
		"a negative number of units":                  {"POST", "/v1/cases", with(application(o), "lines.0.quantity", -1), 400, "invalid_request", "lines[0].quantity"},
		"more units than were sold":                   {"POST", "/v1/cases", with(application(o), "lines.0.quantity", 3), 409, "units_not_available", ""},
		"units beyond all numbers":                    {"POST", "/v1/cases", `{"order_id":"` + o + `","type":"return_refund","reason":"bought_wrong","lines":[{"line_id":"jacket","quantity":9223372036854775808}]}`, 400, "invalid_request", "lines[0].quantity"},
		"half a unit":                                 {"POST", "/v1/cases", with(application(o), "lines.0.quantity", 0.5), 400, "invalid_request", "lines[0].quantity"},
		"10,000 lines in a case":                      {"POST", "/v1/cases", many, 400, "invalid_request", "lines"},
		"evidence that is not there":                  {"POST", "/v1/cases", with(application(o), "evidence_ids", []string{"ev_nobody"}), 422, "evidence_not_available", ""},
		"a case that is not there":                    {"POST", "/v1/cases/case_nobody/withdraw", `{}`, 404, "case_not_found", ""},
		"an id that cannot be one":                    {"GET", "/v1/cases/%20x", nil, 400, "invalid_request", "case_id"},
		"an action that is none":                      {"POST", "/v1/cases/" + c.CaseID + "/explode", `{}`, 404, "not_found", ""},
		"an unknown decision":                         {"POST", "/v1/cases/" + c.CaseID + "/decide-parcel", `{"decision":"keep"}`, 400, "invalid_request", "decision"},
		"a page that is none":                         {"GET", "/v1/cases?limit=0", nil, 400, "invalid_request", "limit"},
		"a cursor that is none":                       {"GET", "/v1/cases?cursor=zzz", nil, 400, "invalid_request", "cursor"},
		"an order with 10,000 lines":                  {"PUT", fresh, crowd, 400, "invalid_request", "lines"},
		"an order in another money":                   {"PUT", fresh, with(valid, "lines.0.amount.currency", "USD"), 422, "currency_mismatch", ""},
		"an order in no money":                        {"PUT", fresh, with(valid, "currency", "yuan"), 400, "invalid_request", "currency"},
		"a negative amount":                           {"PUT", fresh, with(valid, "lines.0.amount.amount", -1), 422, "invalid_order", ""},
		"an amount beyond all money":                  {"PUT", fresh, with(valid, "lines.0.amount.amount", int64(9_000_000_000_000_000_000)), 400, "invalid_request", "lines[0].amount.amount"},
		"payments that do not add up":                 {"PUT", fresh, with(valid, "payments.0.amount.amount", 1), 422, "payments_do_not_add_up", ""},
		"an order changed below its returns":          {"PUT", "/v1/orders/" + o, with(valid, "lines.0.quantity", 1), 422, "payments_do_not_add_up", ""},
		"an address of a webhook that is the cloud's": {"POST", "/v1/webhook-endpoints", `{"url":"http://169.254.169.254/latest"}`, 422, "address_not_allowed", ""},
		"a policy that is none":                       {"PUT", "/v1/policy", `{"windows":{},"review":{"auto_approve":[]},"clocks":{}}`, 400, "invalid_request", ""},
		"a photo that is none":                        {"POST", "/v1/evidence", "GIF89a is not taken", 422, "evidence_unreadable", ""},
	}
	delete(tests, "an order changed below its returns")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			who := &person{t, s.administrator.url, s.administrator.token}
			headers := key()
			if strings.HasSuffix(test.path, "/evidence") {
				headers = append(headers, "Content-Type", "application/octet-stream")
			}
			p := who.ask(test.method, test.path, test.body, headers...).is(test.status, test.code)
			require.NotEmpty(t, p.Detail)
			if test.field == "" {
				return
			}
			fields := make([]string, 0, len(p.Errors))
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
			}
			require.Contains(t, fields, test.field)
		})
	}
	t.Run("a photo of 50 MB", func(t *testing.T) {
		who := &person{t, s.administrator.url, s.administrator.token}
		a, err := who.try(http.MethodPost, "/v1/evidence", io.LimitReader(zeros{}, 50<<20), "Content-Type", "application/octet-stream")
		if err == nil { // else the door was shut while the photo was still being sent
			a.is(413, "too_large")
		}
		big := append(photo(t), bytes.Repeat([]byte{0}, 11<<20)...)
		who.post("/v1/evidence", big, "Content-Type", "application/octet-stream").is(413, "too_large")
	})
	require.Equal(t, before, s.snapshot(o), "nothing changed")
}

// zeros never end.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestABadLineOfManyOrdersDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	good := func(id string) string {
		encoded, err := json.Marshal(struct {
			OrderID string `json:"order_id"`
			order.OrderInput
		}{id, input("b1")})
		require.NoError(t, err)
		return string(encoded)
	}
	body := strings.Join([]string{good("bulk-1"), `{"order_id":`, `{"order_id":"bulk-2"}`, good("bulk-3")}, "\n")
	a := s.storefront.post("/v1/orders/bulk", body, "Content-Type", "application/x-ndjson").fine()
	lines := strings.Split(strings.TrimSpace(string(a.body)), "\n")
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], `"created"`)
	require.Contains(t, lines[1], `"problem"`)
	require.Contains(t, lines[2], `"problem"`)
	require.Contains(t, lines[3], `"created"`)
	s.storefront.get("/v1/orders/bulk-2").is(404, "order_not_found")
}

func TestATokenThatDoesNotFitOpensNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.file(judged(o))
	before := s.snapshot(o)
	principal := access.Principal{Subject: "agent-1", MerchantID: s.merchant, Roles: []string{"agent"}}
	expired, err := shared.keys.Token(principal, -time.Hour)
	require.NoError(t, err)
	_, forger, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	forged, err := access.Sign(forger, principal, keys.Issuer, keys.Audience, time.Now(), time.Hour)
	require.NoError(t, err)
	parts := strings.Split(s.agent.token, ".")
	claims := strings.Split(shared.as(t, s.merchant, "administrator", "agent-1").token, ".")
	for name, token := range map[string]string{
		"none": "", "expired": expired, "signed by somebody else": forged, "words": "let-me-in",
		"claims of another token": parts[0] + "." + claims[1] + "." + parts[2],
		"no signature":            parts[0] + "." + parts[1] + ".",
		"algorithm none":          "eyJhbGciOiJub25lIn0." + parts[1] + ".",
	} {
		t.Run(name, func(t *testing.T) {
			who := &person{t, shared.url, token}
			act(who, c.CaseID, "approve", nil).is(401, "unauthorized")
			who.get("/v1/cases").is(401, "unauthorized")
			who.post("/v1/cases", application(o), key()...).is(401, "unauthorized")
		})
	}
	for role, action := range map[string]string{
		"buyer": "approve", "storefront": "approve", "warehouse": "approve", "finance": "approve", "operator": "approve",
		"agent": "withdraw", "stranger": "withdraw",
	} {
		t.Run("a token of role "+role, func(t *testing.T) {
			act(shared.as(t, s.merchant, role, "b1"), c.CaseID, action, nil).is(403, "forbidden")
		})
	}
	act(shared.as(t, "m-other", "agent", "agent-1"), c.CaseID, "approve", nil).is(404, "case_not_found")
	require.Equal(t, before, s.snapshot(o), "nothing changed")
}

func TestForgedCallbacksAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	o := s.sell("b1", once, uninsured)
	c := s.file(application(o))
	eventually(t, "everything delivered", func() bool {
		return len(s.deliveries(c.CaseID, "pending")) == 0 && len(s.deliveries(c.CaseID, "delivered")) > 0
	})
	before := s.snapshot(o)
	provider := &person{t: t, url: shared.url}
	refused := func(a answer) {
		t.Helper()
		require.Truef(t, a.status >= 400 && a.status < 500, "%s: %d %s", a.asked, a.status, a.body)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	refund := `{"id":"x","event_type":"REFUND.SUCCESS","resource_type":"encrypt-resource","resource":{"algorithm":"AEAD_AES_256_GCM","ciphertext":"AAAA","nonce":"123456789012","associated_data":"refund"}}`
	refused(provider.post("/callbacks/wechatpay", refund))
	refused(provider.post("/callbacks/wechatpay", refund, "Wechatpay-Timestamp", now, "Wechatpay-Nonce", "n", "Wechatpay-Serial", "PUB_KEY_ID_0", "Wechatpay-Signature", "QUJD"))
	refused(provider.post("/callbacks/kuaidi100/guessed-token", "param=%7B%22status%22%3A%22200%22%7D&sign=AB", "Content-Type", "application/x-www-form-urlencoded"))
	refused(provider.post("/callbacks/freight-insurance?signature=00&timestamp="+now+"&nonce=n", `{"Event":"wxainsurance_claim_result"}`))
	refused(provider.get("/callbacks/freight-insurance?signature=00&timestamp=" + now + "&nonce=n&echostr=1"))
	require.Equal(t, before, s.snapshot(o), "nothing changed")
}
