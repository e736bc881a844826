package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	cases "aftercare.dev/services/cases/api"
	logistics "aftercare.dev/services/logistics/api"
	notification "aftercare.dev/services/notification/api"
	order "aftercare.dev/services/order/api"
	payment "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/problem"
)

// estate is a world whose services answer every request of their contracts: one merchant has everything, one buyer of it
// owns everything, and to anybody else nothing is there.
type estate struct {
	*world
	mu sync.Mutex
	// given are the requests that the services granted.
	given []string
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	return furnished(t, newWorld(t))
}

func furnished(t *testing.T, w *world) *estate {
	t.Helper()
	e := &estate{world: w}
	for s, read := range map[*service]func() (*openapi3.T, error){
		e.order: order.GetSpec, e.cases: cases.GetSpec, e.logistics: logistics.GetSpec, e.payment: payment.GetSpec,
		e.notification: notification.GetSpec,
	} {
		spec, err := read()
		if err != nil {
			t.Fatal(err)
		}
		clear(s.routes)
		for path, item := range spec.Paths.Map() {
			if !strings.HasPrefix(path, "/v1/merchants/{merchant_id}/") {
				continue
			}
			for method, o := range item.Operations() {
				s.on(method+" "+path, e.owned(path, granted(t, o)))
			}
		}
	}
	return e
}

// granted is the answer of an operation that succeeds.
func granted(t *testing.T, o *openapi3.Operation) http.HandlerFunc {
	t.Helper()
	codes := []string{}
	for code := range o.Responses.Map() {
		if strings.HasPrefix(code, "2") {
			codes = append(codes, code)
		}
	}
	code := slices.Min(codes)
	status, err := strconv.Atoi(code)
	if err != nil {
		t.Fatal(err)
	}
	content := o.Responses.Value(code).Value.Content
	if content == nil {
		return func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(status) }
	}
	described := content["application/json"]
	if described == nil {
		return photo
	}
	sample := (&sampler{t: t, ending: there, full: true}).of("", described.Schema.Value)
	body, err := json.Marshal(sample)
	if err != nil {
		t.Fatal(err)
	}
	return func(out http.ResponseWriter, _ *http.Request) { reply(out, status, string(body)) }
}

var inBraces = regexp.MustCompile(`{(\w+)}`)

// owned answers what is asked for the owner, or for all of the merchant, about what is there.
func (e *estate) owned(path string, grant http.HandlerFunc) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		named := namedIn(string(content))
		for _, name := range inBraces.FindAllStringSubmatch(path, -1) {
			named[name[1]] = r.PathValue(name[1])
		}
		for name, values := range r.URL.Query() {
			named[name] = values[0]
		}
		for name, value := range named {
			isThere := map[string]bool{
				"merchant_id": value == merchant, "buyer_id": value == owner, "recipient_id": value == owner || value == "staff",
			}
			if ok, owns := isThere[name]; owns && !ok || strings.HasSuffix(value, notThere) {
				refuse(out, problem.NotFound("not_there", "not there"))
				return
			}
		}
		e.mu.Lock()
		e.given = append(e.given, r.Method+" "+r.URL.Path)
		e.mu.Unlock()
		grant(out, r)
	}
}

// namedIn are the members of a JSON object that are texts.
func namedIn(content string) map[string]string {
	var members map[string]any
	_ = json.Unmarshal([]byte(content), &members) // a photo has none
	texts := map[string]string{}
	for name, value := range members {
		if text, ok := value.(string); ok {
			texts[name] = text
		}
	}
	return texts
}

// forget begins anew with noting what is asked.
func (e *estate) forget() {
	for _, s := range e.services() {
		s.mu.Lock()
		s.calls = nil
		s.mu.Unlock()
	}
	e.mu.Lock()
	e.given = nil
	e.mu.Unlock()
	e.temporal.mu.Lock()
	e.temporal.updates, e.temporal.signals, e.temporal.starts = nil, nil, nil
	e.temporal.mu.Unlock()
}

func (e *estate) services() []*service {
	return []*service{e.order, e.cases, e.logistics, e.payment, e.notification}
}

// calls are what the services were asked.
func (e *estate) calls() []call {
	var all []call
	for _, s := range e.services() {
		s.mu.Lock()
		all = append(all, s.calls...)
		s.mu.Unlock()
	}
	return all
}
