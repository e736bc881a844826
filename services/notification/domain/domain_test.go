package domain

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare.dev/services/platform/problem"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func draft() Event {
	return Event{
		MerchantID: "m1", EventID: "evt_1", Type: "case.approved", CaseID: "case_1", OrderID: "order_1", BuyerID: "buyer_1",
		Number: 3, OccurredAt: noon, Audience: AudienceEveryone, Stage: "review", Status: "open",
	}
}

func made(t *testing.T, e Event, data map[string]any) Event {
	t.Helper()
	e, err := NewEvent(e, data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheWebhookBodyIsThinAndTheSameEveryTime(t *testing.T) {
	e := made(t, draft(), map[string]any{"amount": map[string]any{"amount": 1999, "currency": "CNY"}, "case_id": "forged", "link": "a&b"})
	body, err := e.Payload()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"case.approved","timestamp":"2026-11-21T12:00:00Z","data":{"amount":{"amount":1999,"currency":"CNY"},` +
		`"buyer_id":"buyer_1","case_id":"case_1","event_id":"evt_1","link":"a&b","number":3,"order_id":"order_1","stage":"review","status":"open"}}`
	if string(body) != want {
		t.Errorf("body\n%s\nwant\n%s", body, want)
	}
	again, err := e.Payload()
	if err != nil || string(again) != string(body) {
		t.Errorf("the second body is another one: %s, %v", again, err)
	}
}

func TestAnEventTooLargeForAWebhookIsRefused(t *testing.T) {
	_, err := NewEvent(draft(), map[string]any{"blob": strings.Repeat("x", MaxPayload)})
	if !problem.HasCode(err, CodeDataTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestAnEventThatCannotBeIsRefusedWithItsField(t *testing.T) {
	for field, spoil := range map[string]func(*Event){
		"type":        func(e *Event) { e.Type = "" },
		"number":      func(e *Event) { e.Number = -1 },
		"occurred_at": func(e *Event) { e.OccurredAt = time.Time{} },
		"audience":    func(e *Event) { e.Audience = "friends" },
		"stage":       func(e *Event) { e.Stage = strings.Repeat("x", 65) },
	} {
		e := draft()
		spoil(&e)
		_, err := NewEvent(e, nil)
		p, ok := problem.As(err)
		if !ok || p.Code != CodeInvalidEvent || p.Errors[0].Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestTheMessageIDBelongsToTheEventAlone(t *testing.T) {
	e := made(t, draft(), nil)
	again, other := made(t, draft(), nil), e
	other.MerchantID = "m2"
	if again.MessageID() != e.MessageID() || e.MessageID() == other.MessageID() {
		t.Error("the message id must depend on merchant and event and on nothing else")
	}
	if strings.Contains(e.MessageID(), ".") {
		t.Error("a full stop separates the signed parts and must not be in the message id")
	}
}

func channels(targets []Target) []string {
	var list []string
	for _, target := range targets {
		list = append(list, string(target.Channel)+":"+target.ID)
	}
	slices.Sort(list)
	return list
}

func TestAnEventReachesThoseWhomItConcerns(t *testing.T) {
	endpoints := []Endpoint{
		{EndpointID: "all", Enabled: true},
		{EndpointID: "refunds", Enabled: true, Types: []string{"refund.succeeded"}},
		{EndpointID: "off"},
	}
	for _, c := range []struct {
		eventType string
		audience  Audience
		want      []string
	}{
		{"refund.succeeded", AudienceEveryone, []string{"email:buyer_1", "inbox:buyer_1", "webhook:all", "webhook:refunds"}},
		{"goods.received", AudienceEveryone, []string{"inbox:buyer_1", "webhook:all"}},
		{"case.needs_attention", AudienceStaff, []string{"inbox:staff", "webhook:all"}},
		{"goods.contested", AudienceEveryone, []string{"inbox:buyer_1", "inbox:staff", "webhook:all"}},
		{"goods.received", AudienceStaff, []string{"webhook:all"}},
		{"weather.changed", AudienceEveryone, []string{"inbox:buyer_1", "webhook:all"}},
		{"weather.changed", AudienceStaff, []string{"inbox:staff", "webhook:all"}},
		{TypeWebhookDisabled, AudienceStaff, []string{"inbox:staff"}},
	} {
		e := draft()
		e.Type, e.Audience = c.eventType, c.audience
		if got := channels(made(t, e, nil).Targets(endpoints)); !slices.Equal(got, c.want) {
			t.Errorf("%s for %s reaches %v, want %v", c.eventType, c.audience, got, c.want)
		}
	}
}

func TestTheBuyerNeverHearsOfWhatIsForStaff(t *testing.T) {
	for _, eventType := range Types() {
		e := draft()
		e.Type, e.Audience = eventType, AudienceStaff
		for _, target := range made(t, e, nil).Targets(nil) {
			if target.ID == "buyer_1" {
				t.Errorf("%s reaches the buyer by %s", eventType, target.Channel)
			}
		}
	}
}

func TestWebhooksAreTriedAsStandardWebhooksRecommends(t *testing.T) {
	d := Delivery{Channel: ChannelWebhook, State: StatePending}
	var waits []time.Duration
	for d.State == StatePending {
		d.Step++
		next := d.After(Result{Verdict: Retry, Status: 500, Code: ErrorHTTPStatus}, noon, 0)
		if next.State == StatePending {
			waits = append(waits, next.DueAt.Sub(noon))
		}
		d = next
	}
	want := []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	if !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	if d.State != StateFailed || !d.DueAt.IsZero() || d.Step != 10 {
		t.Errorf("after the last attempt: %+v", d)
	}
}

func TestJitterOnlyEverWaitsLongerAndAFifthAtMost(t *testing.T) {
	for step := range webhookSchedule {
		for _, random := range []float64{0, 0.5, 0.999} {
			wait, ok := webhookSchedule.Next(step, 0, random)
			plain := webhookSchedule[step]
			if !ok || wait < plain || wait > plain+plain/5 {
				t.Errorf("step %d, random %v: %v, %v", step, random, wait, ok)
			}
		}
	}
}

func TestRetryAfterIsHonouredWithinADay(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		time.Second:      5 * time.Second, // the schedule waits longer
		time.Hour:        time.Hour,
		90 * time.Hour:   24 * time.Hour,
		-5 * time.Minute: 5 * time.Second,
	} {
		if got, _ := webhookSchedule.Next(1, asked, 0); got != want {
			t.Errorf("asked for %v: waits %v, want %v", asked, got, want)
		}
	}
}

func TestAnInterruptedAttemptCostsNoStep(t *testing.T) {
	d := Delivery{Channel: ChannelWebhook, State: StatePending, Step: 1, Attempts: 1}
	d = d.After(Result{Verdict: Interrupted}, noon, 0)
	if d.Step != 0 || d.State != StatePending || !d.DueAt.Equal(noon) {
		t.Errorf("got %+v", d)
	}
}

func TestAResultWithoutAVerdictIsAFailure(t *testing.T) {
	if d := (Delivery{State: StatePending, Channel: ChannelEmail}).After(Result{}, noon, 0); d.State != StateFailed {
		t.Errorf("got %s", d.State)
	}
}

func TestAnEndpointFailsAfterManyFailuresInFiveDaysAndNotBefore(t *testing.T) {
	for _, c := range []struct {
		failures int
		since    time.Duration
		want     bool
	}{
		{FailingAttempts, FailingFor, true},
		{FailingAttempts - 1, FailingFor, false},
		{FailingAttempts * 100, FailingFor - time.Second, false},
	} {
		e := Endpoint{Failures: c.failures, FailingSince: noon.Add(-c.since)}
		if got := e.Failing(noon); got != c.want {
			t.Errorf("%d failures since %v: %v", c.failures, c.since, got)
		}
	}
	if (Endpoint{Failures: 100}).Failing(noon) {
		t.Error("an endpoint without a first failure is not failing")
	}
}

func TestEnablingForgetsThePast(t *testing.T) {
	yes, no := true, false
	e := Endpoint{URL: "https://shop.example", Enabled: true, Failures: 7, FailingSince: noon}
	e, err := e.Changed(EndpointChange{Enabled: &no})
	if err != nil || e.DisabledReason != DisabledByOwner || e.Wants("case.approved") {
		t.Fatalf("disabled: %+v, %v", e, err)
	}
	e, err = e.Changed(EndpointChange{Enabled: &yes})
	if err != nil || e.DisabledReason != "" || e.Failures != 0 || !e.FailingSince.IsZero() || !e.Wants("case.approved") {
		t.Errorf("enabled: %+v, %v", e, err)
	}
}

func TestEndpointsWithImpossibleContentAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		url   string
		types []string
	}{
		"no url":       {"", nil},
		"long url":     {"https://shop.example/" + strings.Repeat("x", 500), nil},
		"strange type": {"https://shop.example", []string{"Case Approved"}},
		"many types":   {"https://shop.example", slices.Repeat([]string{"case.approved"}, 51)},
	} {
		if _, err := NewEndpoint("m1", "whe_1", c.url, c.types, noon); !problem.HasCode(err, CodeInvalidEndpoint) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTypesOfAnEndpointAreASet(t *testing.T) {
	e, err := NewEndpoint("m1", "whe_1", "https://shop.example", []string{"b.b", "a.a", "b.b"}, noon)
	if err != nil || !slices.Equal(e.Types, []string{"a.a", "b.b"}) {
		t.Errorf("got %v, %v", e.Types, err)
	}
}

func TestTheNoticeOfADisabledEndpointKeepsThePathOfItsURLToItself(t *testing.T) {
	endpoint := Endpoint{EndpointID: "whe_1", URL: "https://shop.example:8443/hooks/s3cret?key=s3cret"}
	e, err := EndpointDisabled("evt_9", made(t, draft(), nil), endpoint, DisabledGone, noon)
	if err != nil {
		t.Fatal(err)
	}
	var data map[string]string
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(e.Data), "s3cret") || data["host"] != "shop.example:8443" || data["reason"] != "gone" {
		t.Errorf("data %s", e.Data)
	}
}

func TestSecretsAreFreshAndLongEnough(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	if a == b || !strings.HasPrefix(a, "whsec_") || len(a) != len("whsec_")+44 {
		t.Errorf("%d and %d characters", len(a), len(b))
	}
}
