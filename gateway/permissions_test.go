package gateway_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"aftercare.dev/gateway/access"
)

// The tests here are made from the contract: an operation that is added to it is covered by them without another word.

// permitted are the roles that may do the operation.
func permitted(id string) []string {
	var roles []string
	for _, role := range everyRole {
		if _, err := access.Authorize(access.Principal{Roles: []string{role}}, id); err == nil {
			roles = append(roles, role)
		}
	}
	return roles
}

// bearer is what the holder of a good token of these claims sends.
func (w *world) bearer(subject, merchantID string, roles ...string) string {
	w.t.Helper()
	principal := access.Principal{Subject: subject, MerchantID: merchantID, Roles: roles}
	return "Bearer " + w.sign(principal, audience, time.Now(), time.Hour)
}

// TestEveryOperationIsForSomebody has its counterpart beside the table: no row is of an operation that the contract lacks.
func TestEveryOperationIsForSomebody(t *testing.T) {
	for _, o := range contractOps(t) {
		if len(permitted(o.id)) == 0 {
			t.Errorf("the contract has %s (%s %s), but the access table has no row for it: nobody may do it", o.id, o.method, o.path)
		}
	}
}

// TestWhoMaySucceeds shows that the requests of the other tests here fail for no other reason than who sends them.
func TestWhoMaySucceeds(t *testing.T) {
	e, pairs := newEstate(t), 0
	for _, o := range contractOps(t) {
		for _, role := range permitted(o.id) {
			e.forget()
			answer := o.ask(e.world, e.bearer(owner, merchant, role), there)
			if answer.status >= http.StatusMultipleChoices || strings.Contains(answer.body, "not_there") {
				t.Errorf("%s may %s, but is answered %d: %s", role, o.id, answer.status, answer.body)
			}
			if len(e.given) == 0 {
				t.Errorf("%s by %s reached no service", o.id, role)
			}
			pairs++
		}
	}
	t.Logf("%d pairs of operation and role", pairs)
}

// badAuthorizations are headers of somebody who would have every role, were the token good.
func badAuthorizations(t *testing.T, w *world) map[string]string {
	t.Helper()
	now := time.Now()
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(method jwt.SigningMethod, key any, change jwt.MapClaims) string {
		claims := jwt.MapClaims{
			"iss": issuer, "aud": audience, "sub": owner, "merchant_id": merchant, "roles": everyRole,
			"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}
		maps.Copy(claims, change)
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	ours := func(change jwt.MapClaims) string { return sign(jwt.SigningMethodEdDSA, w.signer, change) }
	good := strings.Split(ours(nil), ".")
	ofBuyer := strings.Split(ours(jwt.MapClaims{"roles": []string{"buyer"}}), ".")
	bad := map[string]string{
		"malformed":             "abc.def",
		"expired":               ours(jwt.MapClaims{"iat": now.Add(-2 * time.Hour).Unix(), "exp": now.Add(-time.Hour).Unix()}),
		"not yet valid":         ours(jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}),
		"issued in the future":  ours(jwt.MapClaims{"iat": now.Add(time.Hour).Unix()}),
		"of another audience":   ours(jwt.MapClaims{"aud": "others"}),
		"of another issuer":     ours(jwt.MapClaims{"iss": "others"}),
		"of no merchant":        ours(jwt.MapClaims{"merchant_id": ""}),
		"of nobody":             ours(jwt.MapClaims{"sub": ""}),
		"without an end":        ours(jwt.MapClaims{"exp": nil}),
		"tampered in signature": strings.Join([]string{good[0], good[1], strings.Repeat("A", len(good[2]))}, "."),
		"tampered in roles":     strings.Join([]string{ofBuyer[0], good[1], ofBuyer[2]}, "."),
		"without signature":     good[0] + "." + good[1] + ".",
		"of another key":        sign(jwt.SigningMethodEdDSA, foreign, nil),
		"of no algorithm":       sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"of our public key":     sign(jwt.SigningMethodHS256, []byte(pemOf(t, w.signer.Public())), nil),
	}
	headers := map[string]string{"nothing": "", "another scheme": "Basic " + strings.Join(good, "."), "no token": "Bearer "}
	for name, token := range bad {
		headers["a token "+name] = "Bearer " + token
	}
	return headers
}

func TestWithoutAGoodTokenNoOperationTellsOrDoesAnything(t *testing.T) {
	e, tried := newEstate(t), 0
	headers := badAuthorizations(t, e.world)
	for _, o := range contractOps(t) {
		for name, header := range headers {
			answer := o.ask(e.world, header, there)
			if answer.status != http.StatusUnauthorized || answer.problem().Code != "unauthorized" || answer.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s with %s is answered %d, challenge %q: %s", o.id, name, answer.status, answer.header.Get("WWW-Authenticate"), answer.body)
			}
			tried++
		}
	}
	e.untouched()
	t.Logf("%d requests", tried)
}

func TestNoOtherMethodAndNoOtherSpellingOfAPathIsAWayIn(t *testing.T) {
	e, tried := newEstate(t), 0
	methods := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
		http.MethodTrace, "QUERY",
	}
	for _, o := range contractOps(t) {
		path := inBraces.ReplaceAllString(o.path, "x_1")
		for _, spelling := range []string{path, path + "/", "/" + path, strings.ToUpper(path), "/x/.." + path, strings.Replace(path, "v1", "%76%31", 1)} {
			for _, method := range methods {
				answer := e.ask("", method, spelling, "", "X-HTTP-Method-Override", o.method, "X-Original-URL", path)
				// OPTIONS tells which methods the path has, as the contract does, and nothing else.
				told := answer.status < http.StatusMultipleChoices
				if told && (method != http.MethodOptions || answer.body != "") {
					t.Errorf("%s %s is answered %d: %s", method, spelling, answer.status, answer.body)
				}
				tried++
			}
		}
	}
	e.untouched()
	t.Logf("%d requests", tried)
}

func TestARoleWithoutARowIsRefusedByEveryOperation(t *testing.T) {
	e, tried := newEstate(t), 0
	for _, o := range contractOps(t) {
		may := permitted(o.id)
		for _, role := range slices.Concat(everyRole, []string{"system", "nobody", "", "ADMINISTRATOR", "*"}) {
			if slices.Contains(may, role) {
				continue
			}
			answer := o.ask(e.world, e.bearer(owner, merchant, role), there)
			if answer.status != http.StatusForbidden || answer.problem().Code != "forbidden" {
				t.Errorf("%s by %q is answered %d: %s", o.id, role, answer.status, answer.body)
			}
			tried++
		}
	}
	e.untouched()
	t.Logf("%d requests", tried)
}

func TestNothingOfAnotherMerchantIsThere(t *testing.T) {
	e, tried := newEstate(t), 0
	for _, o := range contractOps(t) {
		for _, role := range permitted(o.id) {
			// The subject is the same: the same id at another merchant is somebody else.
			e.outside(o, access.Principal{Subject: owner, MerchantID: "m2", Roles: []string{role}})
			tried++
		}
	}
	t.Logf("%d pairs of operation and role", tried)
}

func TestNothingOfAnotherBuyerIsThere(t *testing.T) {
	e, tried := newEstate(t), 0
	for _, o := range contractOps(t) {
		may := permitted(o.id)
		if !slices.Contains(may, "buyer") {
			continue
		}
		for _, second := range slices.Concat(everyRole, []string{"nobody"}) {
			// A second role that may do it as well sees all of the merchant; one that may not widens nothing.
			if second == "buyer" || !slices.Contains(may, second) {
				e.outside(o, access.Principal{Subject: stranger, MerchantID: merchant, Roles: []string{second, "buyer"}})
				tried++
			}
		}
	}
	t.Logf("%d pairs of operation and second role", tried)
}

// outside fails the test unless the operation is confined to what is the principal's, and what is not answers as what
// never was.
func (e *estate) outside(o contractOp, p access.Principal) {
	e.t.Helper()
	e.forget()
	header := e.bearer(p.Subject, p.MerchantID, p.Roles...)
	answer := o.ask(e.world, header, there)
	calls := e.calls()
	if len(calls) == 0 {
		e.t.Errorf("%s by %v asked no service: that nothing was told proves nothing", o.id, p)
	}
	for _, c := range calls {
		if !confined(c, p) {
			e.t.Errorf("%s by %v asked for what is not theirs: %s %s %v %s", o.id, p, c.method, c.path, c.query, c.body)
		}
	}
	e.unmoved()
	if !o.target && !o.batch {
		return
	}
	if len(e.given) > 0 {
		e.t.Errorf("%s by %v was granted %v", o.id, p, e.given)
	}
	if answer.status != http.StatusNotFound && !o.batch {
		e.t.Errorf("%s by %v is answered %d: %s", o.id, p, answer.status, answer.body)
	}
	if never := o.ask(e.world, header, notThere); plain(never) != plain(answer) {
		e.t.Errorf("%s by %v tells what is there from what never was:\n%s\n%s", o.id, p, plain(answer), plain(never))
	}
}

// ofEverybody are the ends of the paths of what everybody of a merchant may read.
var ofEverybody = []string{"/policy", "/return-address"}

// confined tells that a call can reach only what is the principal's.
func confined(c call, p access.Principal) bool {
	if !strings.HasPrefix(c.path, "/v1/merchants/"+p.MerchantID+"/") {
		return false
	}
	if !slices.Contains(p.Roles, "buyer") {
		return true
	}
	if c.method == http.MethodGet && slices.ContainsFunc(ofEverybody, func(end string) bool { return strings.HasSuffix(c.path, end) }) {
		return true
	}
	for _, name := range []string{"buyer_id", "recipient_id", "actor_id"} {
		if slices.Equal(c.query[name], []string{p.Subject}) {
			return true
		}
	}
	return namedIn(c.body)["buyer_id"] == p.Subject
}

// plain is an answer without what differs in any two answers, and without which id was asked for.
func plain(r response) string {
	r.t.Helper()
	headers := r.header.Clone()
	for _, name := range []string{"Date", "X-Request-Id"} {
		headers.Del(name)
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(r.body), &members); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	delete(members, "instance")
	delete(members, "trace_id")
	content, err := json.Marshal([]any{r.status, headers, members})
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.ReplaceAll(string(content), notThere, there)
}
