package gateway_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"aftercare.dev/gateway"
	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/problem"
)

// What the world of the tests has: one merchant with an order and a case of one buyer.
const (
	merchant = "m1"
	owner    = "buyer-1"
	stranger = "buyer-2"
	orderID  = "o1"
	caseID   = "case_1"
	key      = "idempotency-1"

	issuer, audience = "tests", "aftercare"
)

// world is a gateway with services and a Temporal that do what a test says.
type world struct {
	t        *testing.T
	gateway  *httptest.Server
	service  *gateway.Service
	temporal *fakeTemporal
	signer   ed25519.PrivateKey

	order, cases, logistics, payment, notification *service
}

// newWorld starts a gateway. Its services have an order and a case of the owner.
func newWorld(t *testing.T, environ ...string) *world {
	t.Helper()
	return newWorldThatLogs(t, slog.DiscardHandler, environ...)
}

func newWorldThatLogs(t *testing.T, log slog.Handler, environ ...string) *world {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, signer: private, temporal: &fakeTemporal{},
		order: newService(t), cases: newService(t), logistics: newService(t), payment: newService(t), notification: newService(t),
	}
	w.furnish()
	cfg, err := config.Load[gateway.Config]("", append([]string{
		"SERVICE_TOKEN=between-us", "JWT_ISSUER=" + issuer, "JWT_AUDIENCE=" + audience, "JWT_PUBLIC_KEYS=" + pemOf(t, public),
		"ORDER_URL=" + w.order.url(), "CASES_URL=" + w.cases.url(), "LOGISTICS_URL=" + w.logistics.url(),
		"PAYMENT_URL=" + w.payment.url(), "NOTIFICATION_URL=" + w.notification.url(),
		"GATEWAY_OPEN_TIMEOUT=300ms", "GATEWAY_ACT_TIMEOUT=300ms", "GATEWAY_REQUESTS_PER_SECOND=0",
	}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	s, err := gateway.New(t.Context(), cfg, w.temporal, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	w.service, w.gateway = s, httptest.NewServer(s.Handler())
	t.Cleanup(w.gateway.Close)
	return w
}

// in is the same world for a part of the test.
func (w *world) in(t *testing.T) *world {
	part := *w
	part.t = t
	return &part
}

func pemOf(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

const (
	aCase = `{"case_id":"case_1","merchant_id":"m1","order_id":"o1","buyer_id":"buyer-1","type":"return_refund","reason":"no_longer_wanted",
		"stage":"reviewing","status":"open","lines":[],"next_actions":[],"attention":{"reason":"carrier_silent","since":"2026-11-21T09:00:00Z"},
		"version":3,"opened_at":"2026-11-21T09:00:00Z","updated_at":"2026-11-21T09:00:00Z",
		"shipment":{"shipment_id":"case_1-s1","direction":"to_warehouse","method":"pickup","state":"booked"}}`
	aJudgement = `{"eligible":true,"decision":"review","policy_version":0,"currency":"CNY",
		"lines":[{"line_id":"l1","quantity":1,"eligible":true,"refund":{"amount":1999,"currency":"CNY"},"rules":["CN-01"]}],
		"refund":{"goods":{"amount":1999,"currency":"CNY"},"freight":{"amount":0,"currency":"CNY"},"total":{"amount":1999,"currency":"CNY"}},
		"return_freight":{"payer":"buyer","insured":true},"expected_seconds":1,
		"rules":[{"rule_id":"CN-01","effect":"route","text":"A sentence for people"}],"clocks":{"review_seconds":7,"review_silence":"reject"}}`
	anOrder = `{"order_id":"o1","merchant_id":"m1","buyer_id":"buyer-1","version":1,"currency":"CNY","lines":[]}`
)

// furnish gives the services what the owner has. To anybody else it is not there.
func (w *world) furnish() {
	owned := func(code, body string) http.HandlerFunc {
		return func(out http.ResponseWriter, r *http.Request) {
			buyer := r.URL.Query().Get("buyer_id")
			if r.PathValue("merchant") != merchant || buyer != "" && buyer != owner {
				refuse(out, problem.NotFound(code, "not there"))
				return
			}
			reply(out, http.StatusOK, body)
		}
	}
	w.order.on("GET /v1/merchants/{merchant}/orders/o1", owned("order_not_found", anOrder))
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1", owned("case_not_found", aCase))
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1/timeline", owned("case_not_found", `{"entries":[],"status":"open","version":3}`))
	w.cases.on("POST /v1/merchants/{merchant}/judgements", answer(aJudgement))
	w.cases.on("POST /v1/merchants/{merchant}/applications", owned("order_not_found",
		`{"case_id":"case_1","created":true,"buyer_id":"buyer-1","judgement":`+aJudgement+`}`))
	w.cases.on("POST /v1/merchants/{merchant}/cases/case_1/notes", answer(`{"note_id":"note_1"}`))
	w.logistics.on("POST /v1/merchants/{merchant}/contacts", answer(`{"contact_id":"contact_1"}`))
	w.logistics.on("GET /v1/merchants/{merchant}/shipments/case_1-s1/tracking", answer(`{"scans":[]}`))
}

func reply(out http.ResponseWriter, status int, body string) {
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	_, _ = io.WriteString(out, body)
}

func answer(body string) http.HandlerFunc {
	return func(out http.ResponseWriter, _ *http.Request) { reply(out, http.StatusOK, body) }
}

func refuse(out http.ResponseWriter, p *problem.Error) {
	renderer, _ := problem.NewRenderer()
	_ = renderer.Write(out, p, problem.Occasion{})
}

func refusing(p *problem.Error) http.HandlerFunc {
	return func(out http.ResponseWriter, _ *http.Request) { refuse(out, p) }
}

// service is a service that answers as a test says and remembers what it was asked.
type service struct {
	server *httptest.Server

	mu     sync.Mutex
	routes map[string]http.HandlerFunc
	calls  []call
}

// call is what a service was asked.
type call struct {
	method, path string
	query        map[string][]string
	header       http.Header
	body         string
}

func newService(t *testing.T) *service {
	s := &service{routes: map[string]http.HandlerFunc{"GET /readyz": answer(`{"status":"ready"}`)}}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	return s
}

func (s *service) url() string { return s.server.URL }

// on sets the answer to requests of a pattern of [http.ServeMux].
func (s *service) on(pattern string, handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes[pattern] = handler
}

func (s *service) serve(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	if r.URL.Path != "/readyz" {
		s.calls = append(s.calls, call{r.Method, r.URL.Path, r.URL.Query(), r.Header.Clone(), string(body)})
	}
	mux := http.NewServeMux()
	for pattern, handler := range s.routes {
		mux.HandleFunc(pattern, handler)
	}
	s.mu.Unlock()
	if _, pattern := mux.Handler(r); pattern == "" {
		refuse(out, problem.NotFound("not_found", "this service has no answer to "+r.Method+" "+r.URL.Path))
		return
	}
	mux.ServeHTTP(out, r)
}

// asked are the calls whose method and path end with what is given, such as "POST /notes".
func (s *service) asked(method, suffix string) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []call
	for _, c := range s.calls {
		if c.method == method && strings.HasSuffix(c.path, suffix) {
			calls = append(calls, c)
		}
	}
	return calls
}

// fakeTemporal is a Temporal that does what a test says.
type fakeTemporal struct {
	client.Client
	open      func(context.Context, client.StartWorkflowOptions, []any) (client.WorkflowUpdateHandle, error)
	update    func(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error)
	signal    func(workflowID, name string, content any) error
	described error
	// first is the run before the one of now, and done are the updates that it answered.
	first  string
	done   map[string]bool
	health error

	mu      sync.Mutex
	starts  []client.StartWorkflowOptions
	inputs  []any
	updates []client.UpdateWorkflowOptions
	signals []signalled
}

type signalled struct {
	workflowID, name string
	content          any
}

type operation struct {
	client.WithStartWorkflowOperation
	options client.StartWorkflowOptions
	args    []any
}

func (f *fakeTemporal) NewWithStartWorkflowOperation(o client.StartWorkflowOptions, _ any, args ...any) client.WithStartWorkflowOperation {
	return &operation{options: o, args: args}
}

func (f *fakeTemporal) UpdateWithStartWorkflow(ctx context.Context, o client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	start := o.StartWorkflowOperation.(*operation)
	f.mu.Lock()
	f.starts, f.updates, f.inputs = append(f.starts, start.options), append(f.updates, o.UpdateOptions), append(f.inputs, start.args...)
	f.mu.Unlock()
	if f.open == nil {
		return handle{}, nil
	}
	return f.open(ctx, start.options, start.args)
}

func (f *fakeTemporal) UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.mu.Lock()
	f.updates = append(f.updates, o)
	f.mu.Unlock()
	if f.update == nil {
		return handle{}, nil
	}
	return f.update(ctx, o)
}

// ExecuteWorkflow is how what is no case begins.
func (f *fakeTemporal) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	f.mu.Lock()
	f.starts, f.inputs = append(f.starts, o), append(f.inputs, args...)
	f.mu.Unlock()
	return nil, nil
}

func (f *fakeTemporal) SignalWorkflow(_ context.Context, workflowID, _, name string, content any) error {
	f.mu.Lock()
	f.signals = append(f.signals, signalled{workflowID, name, content})
	f.mu.Unlock()
	if f.signal == nil {
		return nil
	}
	return f.signal(workflowID, name, content)
}

func (f *fakeTemporal) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflow.WorkflowExecutionInfo{
		Execution: &common.WorkflowExecution{RunId: "now"}, FirstRunId: f.first,
	}}, f.described
}

func (f *fakeTemporal) GetWorkflowUpdateHandle(o client.GetWorkflowUpdateHandleOptions) client.WorkflowUpdateHandle {
	if o.RunID == f.first && f.done[o.UpdateID] {
		return handle{}
	}
	return handle{err: serviceerror.NewNotFound("update not found")}
}

func (f *fakeTemporal) CheckHealth(context.Context, *client.CheckHealthRequest) (*client.CheckHealthResponse, error) {
	return &client.CheckHealthResponse{}, f.health
}

// handle is an update that was accepted.
type handle struct {
	client.WorkflowUpdateHandle
	// err is its outcome; with slow it has none before the caller gives up.
	err  error
	slow bool
}

func (h handle) Get(ctx context.Context, _ any) error {
	if h.slow {
		<-ctx.Done()
		return client.NewWorkflowUpdateServiceTimeoutOrCanceledError(ctx.Err())
	}
	return h.err
}

// unheard is an update that nobody takes in before the caller gives up.
func unheard(ctx context.Context) (client.WorkflowUpdateHandle, error) {
	<-ctx.Done()
	return nil, client.NewWorkflowUpdateServiceTimeoutOrCanceledError(ctx.Err())
}

// token is a token of the merchant's.
func (w *world) token(subject string, roles ...string) string {
	w.t.Helper()
	return w.sign(access.Principal{Subject: subject, MerchantID: merchant, Roles: roles}, audience, time.Now(), time.Hour)
}

func (w *world) sign(p access.Principal, audience string, now time.Time, valid time.Duration) string {
	w.t.Helper()
	token, err := access.Sign(w.signer, p, issuer, audience, now, valid)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// response is what the gateway answered.
type response struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// ask sends a request. Headers come in pairs; a JSON body gets its content type.
func (w *world) ask(token, method, path, body string, headers ...string) response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.gateway.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	noRedirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := noRedirect.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response{w.t, answer.StatusCode, answer.Header, string(content)}
}

// is fails the test unless the answer has this status, and for a refusal this code.
func (r response) is(status int, code string) response {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if code == "" {
		return r
	}
	if got := r.header.Get("Content-Type"); got != problem.ContentType {
		r.t.Fatalf("content type %q: %s", got, r.body)
	}
	if p := r.problem(); p.Code != code {
		r.t.Fatalf("code %s, want %s: %s", p.Code, code, r.body)
	}
	return r
}

func (r response) problem() *problem.Error { return problem.Decode(r.status, []byte(r.body)) }

// names fails the test unless the refusal names the field.
func (r response) names(field string) {
	r.t.Helper()
	for _, f := range r.problem().Errors {
		if f.Field == field {
			return
		}
	}
	r.t.Errorf("%s is not named: %s", field, r.body)
}

// member is a member of the JSON object in the answer.
func (r response) member(name string) any {
	r.t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(r.body), &object); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	return object[name]
}
