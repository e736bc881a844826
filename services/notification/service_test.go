package notification

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"aftercare.dev/services/notification/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/problem"
)

const token = "service-token"

// start runs the whole service on a free port and returns a client.
func start(t *testing.T, environ ...string) *api.ClientWithResponses {
	t.Helper()
	cfg, err := config.Load[Config]("", append([]string{
		"NOTIFICATION_DATABASE_DSN=" + filepath.Join(t.TempDir(), "notification.db"),
		"SERVICE_TOKEN=" + token,
	}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	url := "http://" + listener.Addr().String()
	client, err := api.NewClientWithResponses(url, api.WithHTTPClient(httpclient.New(httpclient.Options{BaseURL: url, Token: token})))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func event(eventID, eventType string) api.Event {
	return api.Event{
		EventID: eventID, Type: eventType, CaseID: "case_1", OrderID: "order_1", BuyerID: "buyer_1", Number: 2,
		OccurredAt: time.Now(), Audience: api.Everyone, Data: &map[string]any{"amount": map[string]any{"amount": 1999, "currency": "CNY"}},
	}
}

func publish(t *testing.T, c *api.ClientWithResponses, e api.Event) bool {
	t.Helper()
	answer, err := c.PublishEventWithResponse(context.Background(), "m1", e)
	if err != nil {
		t.Fatal(err)
	}
	result, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		t.Fatal(err)
	}
	return result.Created
}

func TestAnEventComesToInboxAndWebhookSignedAndOnce(t *testing.T) {
	type call struct {
		header http.Header
		body   []byte
	}
	calls := make(chan call, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- call{r.Header, body}
	}))
	t.Cleanup(receiver.Close)
	c := start(t, "NOTIFICATION_WEBHOOK_ALLOW_CIDRS=127.0.0.0/8,::1/128")
	ctx := context.Background()

	created, err := c.CreateWebhookEndpointWithResponse(ctx, "m1", api.WebhookEndpointInput{IdempotencyKey: "key-0001", URL: receiver.URL})
	if err != nil || created.JSON200 == nil || created.JSON200.Secret == nil {
		t.Fatalf("create endpoint: %v, %s", err, created.Body)
	}
	if !publish(t, c, event("evt_1", "refund.succeeded")) || publish(t, c, event("evt_1", "refund.succeeded")) {
		t.Error("only the first publication creates the event")
	}

	var got call
	select {
	case got = <-calls:
	case <-time.After(30 * time.Second):
		t.Fatal("no webhook")
	}
	verifier, err := standardwebhooks.NewWebhook(*created.JSON200.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(got.body, got.header); err != nil {
		t.Error(err)
	}
	var payload struct {
		Type string `json:"type"`
		Data struct {
			CaseID string `json:"case_id"`
			Amount struct {
				Amount int64 `json:"amount"`
			} `json:"amount"`
		} `json:"data"`
	}
	if err := json.Unmarshal(got.body, &payload); err != nil || payload.Type != "refund.succeeded" || payload.Data.CaseID != "case_1" || payload.Data.Amount.Amount != 1999 {
		t.Errorf("payload %s, %v", got.body, err)
	}

	inbox, err := c.ListInboxWithResponse(ctx, "m1", &api.ListInboxParams{RecipientID: "buyer_1"}, func(_ context.Context, r *http.Request) error {
		r.Header.Set("Accept-Language", "en-US,en;q=0.9")
		return nil
	})
	if err != nil || inbox.JSON200 == nil || len(inbox.JSON200.Items) != 1 {
		t.Fatalf("inbox: %v, %s", err, inbox.Body)
	}
	message := inbox.JSON200.Items[0]
	if message.Title != "Refund paid" || !strings.Contains(message.Body, "CNY 19.99") {
		t.Errorf("message %+v", message)
	}
	read, err := c.MarkReadWithResponse(ctx, "m1", message.MessageID, &api.MarkReadParams{RecipientID: "buyer_1"})
	if err != nil || read.JSON200 == nil || read.JSON200.ReadAt == nil || read.JSON200.Title != "退款成功" {
		t.Errorf("read: %v, %s", err, read.Body)
	}
}

func TestASecretIsShownByCreationAndRotationAndNowhereElse(t *testing.T) {
	c := start(t)
	ctx := context.Background()
	created, err := c.CreateWebhookEndpointWithResponse(ctx, "m1", api.WebhookEndpointInput{IdempotencyKey: "key-0001", URL: "https://shop.example/hooks"})
	if err != nil || created.JSON200 == nil {
		t.Fatalf("create: %v, %s", err, created.Body)
	}
	id, yes := created.JSON200.EndpointID, true
	rotated, err := c.UpdateWebhookEndpointWithResponse(ctx, "m1", id, api.WebhookEndpointChange{RotateSecret: &yes})
	if err != nil || rotated.JSON200 == nil || rotated.JSON200.Secret == nil {
		t.Fatalf("rotate: %v, %s", err, rotated.Body)
	}
	changed, err := c.UpdateWebhookEndpointWithResponse(ctx, "m1", id, api.WebhookEndpointChange{Enabled: &yes})
	if err != nil || changed.JSON200 == nil {
		t.Fatalf("change: %v, %s", err, changed.Body)
	}
	listed, err := c.ListWebhookEndpointsWithResponse(ctx, "m1")
	if err != nil || listed.JSON200 == nil || len(listed.JSON200.Items) != 1 {
		t.Fatalf("list: %v, %s", err, listed.Body)
	}
	if text := string(changed.Body) + string(listed.Body); strings.Contains(text, "whsec_") {
		t.Error("a secret is shown by a change or a listing")
	}
	removed, err := c.DeleteWebhookEndpointWithResponse(ctx, "m1", id)
	if err != nil || removed.StatusCode() != http.StatusNoContent {
		t.Errorf("remove: %v, %s", err, removed.Body)
	}
}

func TestRefusalsHaveTheirCodes(t *testing.T) {
	c := start(t)
	ctx := context.Background()
	code := func(status int, body []byte, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return problem.Decode(status, body).Code
	}
	inside, err := c.CreateWebhookEndpointWithResponse(ctx, "m1", api.WebhookEndpointInput{IdempotencyKey: "key-0001", URL: "http://169.254.169.254/latest"})
	if got := code(inside.StatusCode(), inside.Body, err); got != "address_not_allowed" || inside.StatusCode() != http.StatusUnprocessableEntity {
		t.Errorf("an address inside: %s", got)
	}
	url := "http://2130706433/"
	moved, err := c.UpdateWebhookEndpointWithResponse(ctx, "m1", "whe_1", api.WebhookEndpointChange{URL: &url})
	if got := code(moved.StatusCode(), moved.Body, err); got != "address_not_allowed" {
		t.Errorf("moved inside: %s", got)
	}
	resent, err := c.ResendDeliveryWithResponse(ctx, "m1", "dlv_none")
	if got := code(resent.StatusCode(), resent.Body, err); got != "delivery_not_found" {
		t.Errorf("resend: %s", got)
	}
	listed, err := c.ListDeliveriesWithResponse(ctx, "m1", nil)
	if err != nil || listed.JSON200 == nil || listed.JSON200.Items == nil {
		t.Errorf("an empty listing is no list: %v, %s", err, listed.Body)
	}
}

func TestAWrongSettingStopsTheProcessWithItsName(t *testing.T) {
	for variable, value := range map[string]string{
		"NOTIFICATION_WEBHOOK_ALLOW_CIDRS": "127.0.0.1",
		"NOTIFICATION_SMTP_ADDR":           "mail",
		"NOTIFICATION_SMTP_TLS":            "perhaps",
		"NOTIFICATION_SMTP_FROM":           "nobody",
		"ORDER_URL":                        "order",
	} {
		environ := []string{"NOTIFICATION_DATABASE_DSN=x.db", "NOTIFICATION_SMTP_ADDR=mail:25", variable + "=" + value}
		if _, err := config.Load[Config]("", environ); err == nil || !strings.Contains(err.Error(), variable) {
			t.Errorf("%s=%s: %v", variable, value, err)
		}
	}
}
