package cases_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare.dev/services/cases"
	"aftercare.dev/services/cases/api"
	notification "aftercare.dev/services/notification/api"
	order "aftercare.dev/services/order/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

const token = "secret-of-the-house"

// world is the service with stand-ins for the services that it calls.
type world struct {
	*api.ClientWithResponses
	// another starts an instance on the same database; untrusted, one that the order service refuses.
	another, untrusted func() *api.ClientWithResponses
	// silence ends the stand-ins.
	silence func()

	mu     sync.Mutex
	order  order.Order
	units  order.Reservation
	events []notification.Event
	// refuse is how many events the notification service refuses first.
	refuse int
	told   chan struct{}
}

func cny(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

func start(t *testing.T) *world {
	t.Helper()
	delivered, category := time.Now().Add(-24*time.Hour), "apparel"
	w := &world{told: make(chan struct{}, 100)}
	w.order = order.Order{
		OrderID: "o1", MerchantID: "m1", BuyerID: "b1", Version: 1, Currency: "CNY", Channel: order.OrderChannelOnline, Freight: cny(800), Paid: cny(20799),
		Lines: []order.OrderLine{{
			LineID: "l1", Sku: "coat", Category: &category, Quantity: 3, Paid: cny(19999), DeliveredAt: &delivered,
			FreeUnits: &[]order.UnitRange{{From: 0, To: 3}},
		}},
	}
	w.units = order.Reservation{State: "open", OrderID: "o1", Lines: []order.ReservedLine{{
		LineID: "l1", Quantity: 3, LineQuantity: 3, LinePaid: cny(19999), Value: cny(19999), Units: []order.UnitRange{{From: 0, To: 3}},
	}}}
	others := httptest.NewServer(w)
	w.silence = others.Close
	t.Cleanup(others.Close)

	path := filepath.Join(t.TempDir(), "cases.db")
	w.ClientWithResponses = w.instance(t, others.URL, path, token)
	w.another = func() *api.ClientWithResponses { return w.instance(t, others.URL, path, token) }
	w.untrusted = func() *api.ClientWithResponses { return w.instance(t, others.URL, path, "wrong") }
	return w
}

// instance runs the service until the test ends, and returns a client of it.
func (w *world) instance(t *testing.T, othersURL, path string, serviceToken config.Secret) *api.ClientWithResponses {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	service, err := cases.New(t.Context(), cases.Config{
		ServiceToken: serviceToken, Migrate: true, OrderURL: othersURL, NotificationURL: othersURL, CallTimeout: 5 * time.Second,
		Database:    database.Config{Driver: database.SQLite, DSN: config.Secret(path)},
		EvidenceURL: "mem://", EvidenceMaxBytes: 1 << 20, EvidenceConcurrency: 1,
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	client, err := api.NewClientWithResponses(url, api.WithHTTPClient(httpclient.New(httpclient.Options{BaseURL: url, Token: serviceToken, Timeout: time.Minute})))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// ServeHTTP stands in for the order and the notification service.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answer := func(status int, body any) {
		data, err := json.Marshal(body)
		if err != nil {
			status = http.StatusTeapot
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		_, _ = rw.Write(data)
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1/merchants/m1")
	buyer := r.URL.Query().Get("buyer_id")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		answer(401, map[string]any{"code": "unauthorized", "title": "no"})
	case path == "/orders/o1" && (buyer == "" || buyer == w.order.BuyerID):
		answer(200, w.order)
	case strings.HasPrefix(path, "/orders/o1/reservations/"):
		answer(200, w.units)
	case path == "/events/batch":
		var batch notification.Events
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil || w.refuse > 0 {
			w.refuse--
			answer(503, map[string]any{"code": "unavailable", "title": "later"})
			return
		}
		answer(204, nil)
		for _, e := range batch.Events {
			w.events = append(w.events, e)
			w.told <- struct{}{}
		}
	default:
		answer(404, map[string]any{"code": "order_not_found", "title": "no such order"})
	}
}

func buyer(id string) api.Actor { return api.Actor{Role: api.RoleBuyer, ID: id} }

func (w *world) apply(t *testing.T, key string, change ...func(*api.ApplicationInput)) string {
	t.Helper()
	in := api.ApplicationInput{
		IdempotencyKey: key, Applicant: buyer("b1"), BuyerID: new("b1"), OrderID: "o1", Type: api.ReturnRefund, Reason: "no_longer_wanted",
		Lines: []api.LineQuantity{{LineID: "l1", Quantity: 3}}, Text: new("too small"),
	}
	for _, c := range change {
		c(&in)
	}
	answer, err := w.StoreApplicationWithResponse(t.Context(), "m1", nil, in)
	return check(t, answer, err).JSON200.CaseID
}

// response is what the generated answers have in common.
type response interface{ StatusCode() int }

func check[R response](t *testing.T, answer R, err error) R {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode() != http.StatusOK {
		t.Fatalf("status %d: %+v", answer.StatusCode(), answer)
	}
	return answer
}

func refused(t *testing.T, status int, body []byte, want int, code, field string) *problem.Error {
	t.Helper()
	e := problem.Decode(status, body)
	if e.Status != want || e.Code != code {
		t.Fatalf("got %v, want %d %s", e, want, code)
	}
	if field != "" && (len(e.Errors) == 0 || e.Errors[0].Field != field) {
		t.Errorf("names %+v, want %s", e.Errors, field)
	}
	return e
}

func (w *world) step(t *testing.T, caseID string, stage api.Stage, entries ...api.EntryInput) {
	t.Helper()
	deadline := time.Now().Add(48 * time.Hour)
	answer, err := w.RecordStepWithResponse(t.Context(), "m1", caseID, api.Step{Entries: entries, State: api.CaseState{
		Stage: stage, Status: api.StatusOpen, Lines: &[]api.LineState{{LineID: "l1", Quantity: 3}},
		NextActions: []api.NextAction{{Action: "approve", Actors: []string{"agent"}, Deadline: &deadline}},
	}})
	if got := check(t, answer, err).JSON200.Version; got != entries[len(entries)-1].Number {
		t.Fatalf("version %d", got)
	}
}

func entry(number int64, kind string, audience api.Audience) api.EntryInput {
	return api.EntryInput{
		Number: number, Type: kind, At: time.Now(), Actor: api.Actor{Role: api.RoleSystem, ID: "workflow"}, Audience: &audience,
		Data: &map[string]any{"amount": cny(19999)},
	}
}

func chinese(_ context.Context, r *http.Request) error {
	r.Header.Set("Accept-Language", "zh-CN,zh;q=0.9")
	return nil
}

func TestABuyerSeesBeforeFilingWhatTheyCanGetInTheirLanguage(t *testing.T) {
	w := start(t)
	in := api.JudgementInput{OrderID: "o1", BuyerID: new("b1"), Type: api.ReturnRefund, Reason: "no_longer_wanted", Lines: []api.LineQuantity{{LineID: "l1", Quantity: 1}}}
	answer, err := w.PreviewJudgementWithResponse(t.Context(), "m1", in, chinese)
	j := check(t, answer, err).JSON200
	if j.Decision != api.JudgementDecisionApprove || j.Refund.Total != cny(6666) || j.ReturnFreight.Payer != "buyer" || j.Clocks.ReviewSeconds != 172800 {
		t.Errorf("%+v", j)
	}
	if len(j.Rules) == 0 || !strings.Contains(j.Rules[0].Text, "7天无理由退货期内") {
		t.Errorf("rules %+v", j.Rules)
	}
	in.BuyerID = new("b2")
	other, err := w.PreviewJudgementWithResponse(t.Context(), "m1", in)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, other.StatusCode(), other.Body, 404, "order_not_found", "")
	in.BuyerID, in.Lines[0].Quantity = nil, 4
	many, err := w.PreviewJudgementWithResponse(t.Context(), "m1", in)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, many.StatusCode(), many.Body, 409, "units_not_available", "lines[0].quantity")
}

func TestACaseKeepsTheJudgementAndThePolicyItWasJudgedBy(t *testing.T) {
	w := start(t)
	caseID := w.apply(t, "key-00001", func(in *api.ApplicationInput) { in.Reason = "defective" })
	unjudged, err := w.SettleCaseWithResponse(t.Context(), "m1", caseID, api.SettlementInput{Lines: []api.AcceptedLine{}})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, unjudged.StatusCode(), unjudged.Body, 409, "case_not_judged", "")

	judged, err := w.JudgeCaseWithResponse(t.Context(), "m1", caseID)
	first := check(t, judged, err).JSON200
	if first.PolicyVersion != 0 || first.Refund.Total != cny(20799) || first.Decision != api.JudgementDecisionReview {
		t.Errorf("%+v", first)
	}
	policy, err := w.GetPolicyWithResponse(t.Context(), "m1", nil)
	content := check(t, policy, err).JSON200.Policy
	content.MerchantPaysFreight = nil
	put, err := w.PutPolicyWithResponse(t.Context(), "m1", content)
	if version := check(t, put, err).JSON200.Version; version != 1 {
		t.Errorf("version %d", version)
	}
	again, err := w.PutPolicyWithResponse(t.Context(), "m1", content)
	if version := check(t, again, err).JSON200.Version; version != 1 {
		t.Errorf("the same content is version %d", version)
	}
	w.mu.Lock()
	w.order.Lines[0].FreeUnits = nil // reserved meanwhile
	w.mu.Unlock()
	repeated, err := w.JudgeCaseWithResponse(t.Context(), "m1", caseID)
	if second := check(t, repeated, err).JSON200; second.PolicyVersion != 0 || second.Refund != first.Refund {
		t.Errorf("%+v", second)
	}
	for _, c := range []struct {
		completes bool
		total     int64
	}{{true, 6666 - 66 + 800}, {false, 6666 - 66}} {
		settled, err := w.SettleCaseWithResponse(t.Context(), "m1", caseID, api.SettlementInput{
			CompletesOrder: c.completes, Lines: []api.AcceptedLine{{LineID: "l1", AcceptedQuantity: 1, Deduction: new(cny(66))}},
		})
		if s := check(t, settled, err).JSON200; s.Total != cny(c.total) || s.Lines[0].Amount != cny(6600) {
			t.Errorf("%+v, want %d", s, c.total)
		}
	}
}

func TestAPolicyInTheWrongFormNamesTheField(t *testing.T) {
	w := start(t)
	policy, err := w.GetPolicyWithResponse(t.Context(), "m1", nil)
	content := check(t, policy, err).JSON200.Policy
	content.Timezone = new("Mars/Olympus")
	answer, err := w.PutPolicyWithResponse(t.Context(), "m1", content)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, answer.StatusCode(), answer.Body, 422, "invalid_policy", "timezone")
}

func TestEveryStepIsAnnouncedOnceItIsTrueAndUntilItIsTaken(t *testing.T) {
	w := start(t)
	w.refuse = 1
	caseID := w.apply(t, "key-00001")
	w.step(t, caseID, "reviewing", entry(1, "case.opened", api.Everyone), entry(2, "case.note_added", api.Staff))
	for range 2 {
		select {
		case <-w.told:
		case <-time.After(20 * time.Second):
			t.Fatal("the events were not announced")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, e := range w.events {
		if e.Number != int64(i+1) || e.CaseID != caseID || e.BuyerID != "b1" || *e.Stage != "reviewing" || len(e.EventID) > 64 {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	if w.events[1].Audience != notification.Staff {
		t.Errorf("%+v", w.events[1])
	}
}

func TestACaseAndItsTimelineReadAsTheyWereRecorded(t *testing.T) {
	w := start(t)
	caseID := w.apply(t, "key-00001")
	note, err := w.StoreNoteWithResponse(t.Context(), "m1", caseID, api.NoteInput{IdempotencyKey: "note-0001", Author: buyer("b1"), Text: "it is torn"})
	noteID := check(t, note, err).JSON200.NoteID
	second := entry(2, "refund.succeeded", api.Everyone)
	second.NoteID = &noteID
	w.step(t, caseID, "reviewing", entry(1, "case.opened", api.Everyone), second, entry(3, "case.note_added", api.Staff))

	got, err := w.GetCaseWithResponse(t.Context(), "m1", caseID, &api.GetCaseParams{BuyerID: new("b1")})
	c := check(t, got, err).JSON200
	if c.Version != 3 || *c.Text != "too small" || len(c.Lines) != 1 || c.NextActions[0].Action != "approve" || c.Stage != "reviewing" {
		t.Errorf("%+v", c)
	}
	theirs, err := w.GetTimelineWithResponse(t.Context(), "m1", caseID, &api.GetTimelineParams{BuyerID: new("b1")}, chinese)
	entries := check(t, theirs, err).JSON200.Entries
	if len(entries) != 2 || entries[1].Title != "退款 ¥199.99 已到账" || entries[1].Note.Text != "it is torn" {
		t.Errorf("%+v", entries)
	}
	ours, err := w.GetTimelineWithResponse(t.Context(), "m1", caseID, &api.GetTimelineParams{After: new(int64(1))})
	if entries := check(t, ours, err).JSON200.Entries; len(entries) != 2 || entries[0].Title != "The refund of CNY 199.99 was paid" || entries[1].Number != 3 {
		t.Errorf("%+v", entries)
	}
	listed, err := w.ListCasesWithResponse(t.Context(), "m1", &api.ListCasesParams{Awaiting: new(api.RoleAgent), Q: new("o1")})
	if page := check(t, listed, err).JSON200; len(page.Items) != 1 || page.Items[0].CaseID != caseID || page.NextCursor != nil {
		t.Errorf("%+v", page)
	}
}

func TestWhoWaitsForTheTimelineGetsTheNextEntryAtOnce(t *testing.T) {
	w := start(t)
	caseID := w.apply(t, "key-00001")
	w.step(t, caseID, "reviewing", entry(1, "case.opened", api.Everyone))
	type result struct {
		answer *api.GetTimelineResponse
		err    error
	}
	results := make(chan result, 1)
	go func() {
		answer, err := w.GetTimelineWithResponse(context.Background(), "m1", caseID, &api.GetTimelineParams{
			After: new(int64(1)), WaitSeconds: new(25), Audience: new(api.Everyone),
		})
		results <- result{answer, err}
	}()
	w.step(t, caseID, "reviewing", entry(2, "case.note_added", api.Staff)) // not for them
	w.step(t, caseID, "waiting_shipment", entry(3, "case.approved", api.Everyone))
	select {
	case r := <-results:
		timeline := check(t, r.answer, r.err).JSON200
		if len(timeline.Entries) != 1 || timeline.Entries[0].Number != 3 || timeline.Version != 3 {
			t.Errorf("%+v", timeline)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("nobody was told")
	}
	begin := time.Now()
	answer, err := w.GetTimelineWithResponse(t.Context(), "m1", caseID, &api.GetTimelineParams{After: new(int64(3)), WaitSeconds: new(1)})
	if timeline := check(t, answer, err).JSON200; len(timeline.Entries) != 0 || timeline.Version != 3 || time.Since(begin) < time.Second {
		t.Errorf("%+v after %s", timeline, time.Since(begin))
	}
}

func TestAStepThatAnotherInstanceRecordedIsSeenByWhoWaits(t *testing.T) {
	w := start(t)
	other := w.another()
	caseID := w.apply(t, "key-00001")
	w.step(t, caseID, "reviewing", entry(1, "case.opened", api.Everyone))
	seen := make(chan int64, 1)
	go func() {
		answer, err := other.GetTimelineWithResponse(context.Background(), "m1", caseID, &api.GetTimelineParams{After: new(int64(1)), WaitSeconds: new(25)})
		if err != nil || answer.JSON200 == nil || len(answer.JSON200.Entries) == 0 {
			seen <- 0
			return
		}
		seen <- answer.JSON200.Entries[0].Number
	}()
	w.step(t, caseID, "reviewing", entry(2, "case.reminded", api.Everyone))
	select {
	case number := <-seen:
		if number != 2 {
			t.Errorf("entry %d", number)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("the step was not seen")
	}
}

func TestARefusalOfThisServiceItselfIsNoRefusalOfItsCaller(t *testing.T) {
	w := start(t)
	answer, err := w.untrusted().PreviewJudgementWithResponse(t.Context(), "m1", api.JudgementInput{
		OrderID: "o1", Type: api.ReturnRefund, Reason: "defective", Lines: []api.LineQuantity{{LineID: "l1", Quantity: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, answer.StatusCode(), answer.Body, 500, "internal", "")
}
