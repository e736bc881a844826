package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/client"
	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/problem"
)

// house is a running Aftercare as its users reach it.
type house struct {
	url, sandbox, temporal, dir string
	// databases is a function for the folder of a database server, nil if the databases are below dir.
	databases func() string
	keys      client.Signer
	// said is everything that was logged so far.
	said func() string
	stop func()
}

// person is somebody with a token.
type person struct {
	t     testing.TB
	url   string
	token string
}

// answer is what a person got.
type answer struct {
	t      testing.TB
	asked  string
	status int
	header http.Header
	body   []byte
}

// as is somebody in a role of a merchant.
func (h *house) as(t testing.TB, merchant, role, subject string) *person {
	t.Helper()
	token, err := h.keys.Token(access.Principal{Subject: subject, MerchantID: merchant, Roles: []string{role}}, time.Hour)
	require.NoError(t, err)
	return &person{t: t, url: h.url, token: token}
}

// courier carries the requests; many may be under way at once.
var courier = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// try asks. A body of bytes or a reader is sent as it is, anything else as JSON.
func (p *person) try(method, path string, body any, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, p.url+path, content(p.t, body))
	if err != nil {
		return answer{}, err
	}
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := courier.Do(request)
	if err != nil {
		return answer{}, err
	}
	read, err := io.ReadAll(response.Body)
	return answer{
		t: p.t, asked: method + " " + path, status: response.StatusCode, header: response.Header, body: read,
	}, errors.Join(err, response.Body.Close())
}

func content(t testing.TB, body any) io.Reader {
	switch body := body.(type) {
	case nil:
		return http.NoBody
	case io.Reader:
		return body
	case []byte:
		return bytes.NewReader(body)
	case string:
		return bytes.NewReader([]byte(body))
	default:
		encoded, err := json.Marshal(body)
		require.NoError(t, err)
		return bytes.NewReader(encoded)
	}
}

// ask asks and gets an answer of whatever status.
func (p *person) ask(method, path string, body any, headers ...string) answer {
	p.t.Helper()
	a, err := p.try(method, path, body, headers...)
	require.NoError(p.t, err)
	return a
}

func (p *person) get(path string) answer { p.t.Helper(); return p.ask(http.MethodGet, path, nil) }

func (p *person) put(path string, body any) answer {
	p.t.Helper()
	return p.ask(http.MethodPut, path, body)
}

func (p *person) post(path string, body any, headers ...string) answer {
	p.t.Helper()
	return p.ask(http.MethodPost, path, body, headers...)
}

// fine fails the test unless the answer is a success.
func (a answer) fine() answer {
	a.t.Helper()
	require.Truef(a.t, a.status >= 200 && a.status < 300, "%s: %d %s", a.asked, a.status, a.body)
	return a
}

// is fails the test unless the answer is this problem, told as problems are.
func (a answer) is(status int, code string) *problem.Error {
	a.t.Helper()
	require.Equalf(a.t, status, a.status, "%s: %s", a.asked, a.body)
	require.Equalf(a.t, "application/problem+json", mediaType(a.header), "%s: %s", a.asked, a.body)
	p := problem.Decode(a.status, a.body)
	require.Equalf(a.t, code, p.Code, "%s: %s", a.asked, a.body)
	return p
}

// into decodes a success.
func into[T any](a answer) T {
	a.t.Helper()
	a.fine()
	var v T
	require.NoErrorf(a.t, json.Unmarshal(a.body, &v), "%s: %s", a.asked, a.body)
	return v
}

func mediaType(h http.Header) string {
	kind, _, _ := bytes.Cut([]byte(h.Get("Content-Type")), []byte(";"))
	return string(kind)
}

// patience is how long a condition may take: much longer than it does, since the machine may be busy, and a refund whose
// callback is lost is asked for after a minute.
const patience = 100 * time.Second

// eventually waits until a condition holds. No test sleeps for a time that should do.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	until := time.Now().Add(patience)
	for pause := 20 * time.Millisecond; !holds(); pause = min(2*pause, 500*time.Millisecond) {
		if time.Now().After(until) {
			require.FailNow(t, "still not: "+what)
		}
		time.Sleep(pause)
	}
}
