package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
	notification "aftercare.dev/services/notification/api"
	order "aftercare.dev/services/order/api"
)

// plainTimeline is a return by courier that went as it should.
var plainTimeline = []string{
	"case.opened", "case.approved", "shipment.pickup_booked", "shipment.picked_up", "shipment.delivered", "goods.received",
	"insurance.claimed", "goods.inspected", "refund.submitted", "refund.succeeded", "insurance.paid", "case.closed",
}

func TestAPlainReturnIsToldOnceToEverybodyAndPaidOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	hook := s.listen()
	mail := "plain-" + s.merchant + "@buyers.example"
	o := s.sell("b1", func(in *order.OrderInput) {
		in.Contact.Email = &mail
		// Each jacket is worth more than the first payment, so that the refund draws on both.
		in.Payments[0].Amount, in.Payments[1].Amount = cny(30000), cny(66700)
	})
	buyer := s.buyer("b1")
	c := into[cases.Case](buyer.post("/v1/cases", application(o), key()...))
	live := make(chan []event, 1)
	go func() { live <- buyer.stream(c.CaseID, "") }()
	does(buyer, c.CaseID, "book-pickup", nil)
	s.until(c.CaseID, "delivered", func(c cases.Case) bool { return c.Shipment != nil && c.Shipment.State == "delivered" })
	s.receive(c.CaseID)
	does(s.warehouse, c.CaseID, "inspect", intact())
	ended := s.ends(c.CaseID, cases.OutcomeRefunded)

	entries := s.timeline(c.CaseID)
	// A courier who accepts before the booking is answered is told of with it; one who does so later wakes nobody.
	told := slices.DeleteFunc(types(entries), func(kind string) bool { return kind == "shipment.courier_assigned" })
	require.Equal(t, plainTimeline, told)
	for i, e := range entries {
		require.Equal(t, int64(i+1), e.Number)
	}
	require.Equal(t, "paid", ended.Insurance.State)
	require.Positive(t, ended.Insurance.Payout.Amount)
	require.Equal(t, cny(worth), ended.Refund.Amount)
	require.Len(t, s.refunds(c.CaseID)[0].Parts, 2, "a part for each payment")
	s.paid(o, worth, 2)
	require.Equal(t, int64(1), s.order(o).Lines[0].ReturnedQuantity)
	require.Zero(t, s.order(o).Lines[0].ReservedQuantity)

	s.wantLive(<-live, buyer, c.CaseID)
	s.wantTold(c.CaseID, buyer, mail, hook)
}

// wantLive compares what a stream told with the timeline, and has it resumed in the middle and at the end.
func (s *shop) wantLive(live []event, buyer *person, id string) {
	s.t.Helper()
	entries := into[cases.Timeline](buyer.get("/v1/cases/" + id + "/timeline?limit=200")).Entries
	require.Len(s.t, live, len(entries))
	for i, e := range entries {
		require.Equal(s.t, e, live[i].entry)
		require.Equal(s.t, strconv.FormatInt(e.Number, 10), live[i].id)
	}
	require.Equal(s.t, live[5:], buyer.stream(id, live[4].id), "a stream goes on after the event that was seen last")
	again := buyer.ask(http.MethodGet, "/v1/cases/"+id+"/events", nil, "Last-Event-ID", live[len(live)-1].id)
	require.Equal(s.t, http.StatusNoContent, again.status)
}

// wantTold checks that each step was told once on each way.
func (s *shop) wantTold(id string, buyer *person, mail string, hook *listener) {
	s.t.Helper()
	eventually(s.t, "everything delivered", func() bool {
		return len(hook.seen()) >= len(plainTimeline) && len(s.deliveries(id, "pending")) == 0
	})
	inbox := map[string]int{}
	for _, m := range into[notification.InboxPage](buyer.get("/v1/inbox?limit=200")).Items {
		inbox[m.Type]++
	}
	hooked, ids := map[string]int{}, map[string]int{}
	for _, m := range hook.seen() {
		hooked[m.kind]++
		ids[m.id]++
	}
	for _, step := range plainTimeline {
		require.Equal(s.t, 1, inbox[step], "inbox entries of %s", step)
		require.Equal(s.t, 1, hooked[step], "webhooks of %s", step)
	}
	for id, n := range ids {
		require.Equal(s.t, 1, n, "webhook %s", id)
	}
	sent := 0
	for _, d := range s.deliveries(id, "delivered") {
		if d.Channel == "email" {
			sent++
		}
	}
	letters := s.h.letters(s.t, mail)
	require.Positive(s.t, sent)
	require.Len(s.t, letters, sent, "letters at the mail provider")
	for _, l := range letters {
		require.Equal(s.t, 1, l.Copies, "letters with the Message-ID %s", l.MessageID)
	}
}

func (s *shop) deliveries(id, state string) []notification.Delivery {
	s.t.Helper()
	return into[notification.DeliveryPage](s.storefront.get("/v1/deliveries?limit=200&case_id=" + id + "&state=" + state)).Items
}

// letter is a mail that arrived.
type letter struct {
	MessageID string `json:"message_id"`
	Subject   string `json:"subject"`
	Copies    int    `json:"copies"`
}

func (h *house) letters(t testing.TB, to string) []letter {
	t.Helper()
	outside := &person{t: t, url: h.sandbox}
	return into[struct {
		Messages []letter `json:"messages"`
	}](outside.get("/mail/messages?to=" + to)).Messages
}

// event is one of a stream.
type event struct {
	id    string
	entry cases.Entry
}

// stream reads the events of a case until the stream ends.
func (p *person) stream(id, after string) []event {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.url+"/v1/cases/"+id+"/events", nil)
	if err != nil {
		return nil
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	if after != "" {
		request.Header.Set("Last-Event-ID", after)
	}
	response, err := courier.Do(request)
	if err != nil {
		return nil
	}
	defer func() { _ = response.Body.Close() }()
	var all []event
	var next event
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "id":
			next.id = value
		case name == "data" && json.Unmarshal([]byte(value), &next.entry) != nil:
			return nil
		case name == "" && value == "" && next.id != "":
			all = append(all, next)
			next = event{}
		}
	}
	return all
}

// listener is the storefront's receiver of webhooks. It takes no message that is not signed as Standard Webhooks says.
type listener struct {
	secret string

	mu   sync.Mutex
	got  []hooked
	fake int
}

type hooked struct{ id, kind string }

// listen registers an endpoint of the storefront.
func (s *shop) listen() *listener {
	s.t.Helper()
	l := &listener{}
	server := httptest.NewServer(l)
	s.t.Cleanup(server.Close)
	registered := into[notification.WebhookEndpoint](s.storefront.post("/v1/webhook-endpoints", map[string]any{"url": server.URL}, key()...))
	require.NotNil(s.t, registered.Secret)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secret = *registered.Secret
	return l
}

// ServeHTTP implements http.Handler.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	verifier, _ := standardwebhooks.NewWebhook(l.secret)
	if err != nil || verifier == nil || verifier.Verify(body, r.Header) != nil {
		l.fake++
		w.WriteHeader(http.StatusForbidden)
		return
	}
	var message struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(body, &message) // no type is a type that nobody expects
	l.got = append(l.got, hooked{r.Header.Get("Webhook-Id"), message.Type})
	w.WriteHeader(http.StatusNoContent)
}

func (l *listener) seen() []hooked {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]hooked(nil), l.got...)
}
