package webhook

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"aftercare.dev/services/notification/domain"
)

// fixed is one endpoint with its secrets.
type fixed struct {
	endpoint domain.Endpoint
	secrets  []string
	err      error
}

func (f fixed) Endpoint(context.Context, string, string) (domain.Endpoint, error) {
	return f.endpoint, f.err
}

func (f fixed) SigningSecrets(context.Context, string, string) ([]string, error) {
	return f.secrets, nil
}

func message(t *testing.T) domain.Message {
	t.Helper()
	e, err := domain.NewEvent(domain.Event{
		MerchantID: "m1", EventID: "evt_1", Type: "case.approved", CaseID: "case_1", OrderID: "order_1", BuyerID: "buyer_1",
		Number: 3, OccurredAt: time.Unix(1_700_000_000, 0), Audience: domain.AudienceEveryone,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return domain.Message{
		Event:    e,
		Delivery: domain.NewDelivery("dlv_1", e, domain.Target{Channel: domain.ChannelWebhook, ID: "whe_1"}, time.Now()),
	}
}

// send makes one attempt to a receiver in this process.
func send(t *testing.T, secrets []string, receiver http.HandlerFunc) domain.Result {
	t.Helper()
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	return sendTo(t, server.URL, secrets, "127.0.0.0/8")
}

func sendTo(t *testing.T, url string, secrets []string, allow ...string) domain.Result {
	t.Helper()
	s := NewSender(fixed{endpoint: domain.Endpoint{EndpointID: "whe_1", URL: url, Enabled: true}, secrets: secrets}, guard(t, allow...), time.Now)
	t.Cleanup(s.Close)
	return s.Send(context.Background(), message(t))
}

func TestAReceiverVerifiesTheSignatureWithTheStandardLibraryAndEverySecretThatSigns(t *testing.T) {
	secrets := []string{domain.NewSecret(), domain.NewSecret()}
	result := send(t, secrets, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		for _, secret := range secrets {
			verifier, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Error(err)
				continue
			}
			if err := verifier.Verify(body, r.Header); err != nil {
				t.Errorf("verify: %v", err)
			}
			if verifier.Verify(append(body, ' '), r.Header) == nil {
				t.Error("a changed body is taken for genuine")
			}
		}
		if want, _ := message(t).Event.Payload(); string(body) != string(want) {
			t.Errorf("body %s", body)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("webhook-id") != message(t).Event.MessageID() {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
	})
	if result.Verdict != domain.Delivered || result.Status != http.StatusAccepted {
		t.Errorf("got %+v", result)
	}
}

func TestAnswersMeanWhatStandardWebhooksSays(t *testing.T) {
	for status, want := range map[int]domain.Result{
		200: {Verdict: domain.Delivered, Status: 200},
		204: {Verdict: domain.Delivered, Status: 204},
		299: {Verdict: domain.Delivered, Status: 299},
		301: {Verdict: domain.Retry, Status: 301, Code: domain.ErrorRedirect},
		307: {Verdict: domain.Retry, Status: 307, Code: domain.ErrorRedirect},
		400: {Verdict: domain.Retry, Status: 400, Code: domain.ErrorHTTPStatus},
		401: {Verdict: domain.Retry, Status: 401, Code: domain.ErrorHTTPStatus},
		410: {Verdict: domain.Failed, Status: 410, Code: domain.ErrorGone, Gone: true},
		429: {Verdict: domain.Retry, Status: 429, Code: domain.ErrorHTTPStatus, RetryAfter: 90 * time.Second},
		500: {Verdict: domain.Retry, Status: 500, Code: domain.ErrorHTTPStatus},
		502: {Verdict: domain.Retry, Status: 502, Code: domain.ErrorHTTPStatus, RetryAfter: 90 * time.Second},
		503: {Verdict: domain.Retry, Status: 503, Code: domain.ErrorHTTPStatus, RetryAfter: 90 * time.Second},
		504: {Verdict: domain.Retry, Status: 504, Code: domain.ErrorHTTPStatus, RetryAfter: 90 * time.Second},
	} {
		got := send(t, []string{domain.NewSecret()}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "90")
			w.WriteHeader(status)
		})
		if got != want {
			t.Errorf("%d: got %+v, want %+v", status, got, want)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect was followed")
	}))
	t.Cleanup(inside.Close)
	result := send(t, []string{domain.NewSecret()}, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL, http.StatusFound)
	})
	if result.Code != domain.ErrorRedirect {
		t.Errorf("got %+v", result)
	}
}

func TestAnEndpointInsideIsNotReachedWhateverItsNameIs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the guard let the request through")
	}))
	t.Cleanup(server.Close)
	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		result := sendTo(t, url, []string{domain.NewSecret()})
		if result.Verdict != domain.Retry || result.Code != domain.ErrorAddress {
			t.Errorf("%s: got %+v", url, result)
		}
	}
}

func TestFailuresOfTheNetworkAreToldApart(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	selfSigned := httptest.NewUnstartedServer(http.NotFoundHandler())
	selfSigned.Config.ErrorLog = log.New(io.Discard, "", 0)
	selfSigned.StartTLS()
	t.Cleanup(selfSigned.Close)
	for url, want := range map[string]string{
		closed.URL: domain.ErrorConnection,
		strings.Replace(plain.URL, "http://", "https://", 1): domain.ErrorTLS,
		selfSigned.URL: domain.ErrorTLS,
	} {
		result := sendTo(t, url, []string{domain.NewSecret()}, "127.0.0.0/8")
		if result.Verdict != domain.Retry || result.Code != want {
			t.Errorf("%s: got %+v, want %s", url, result, want)
		}
	}
}

func TestAnAttemptEndsWithItsContext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // lets the server notice that the client is gone
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	s := NewSender(fixed{endpoint: domain.Endpoint{URL: server.URL, Enabled: true}, secrets: []string{domain.NewSecret()}}, guard(t, "127.0.0.0/8"), time.Now)
	t.Cleanup(s.Close)

	late, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if result := s.Send(late, message(t)); result.Verdict != domain.Retry || result.Code != domain.ErrorTimeout {
		t.Errorf("out of time: %+v", result)
	}
	stopped, stop := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, stop)
	if result := s.Send(stopped, message(t)); result.Verdict != domain.Interrupted {
		t.Errorf("stopped: %+v", result)
	}
}

func TestAnAnswerWithoutEndIsReadOnlyInPart(t *testing.T) {
	result := send(t, []string{domain.NewSecret()}, func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if result.Verdict != domain.Delivered {
		t.Errorf("got %+v", result)
	}
}

func TestAnEndpointThatIsOffOrGoneIsSkippedWithoutACall(t *testing.T) {
	for name, c := range map[string]struct {
		endpoints fixed
		want      string
	}{
		"off":     {fixed{endpoint: domain.Endpoint{URL: "http://127.0.0.1:1"}}, domain.ErrorEndpointDisabled},
		"removed": {fixed{err: domain.Fault(domain.CodeEndpointNotFound, "", "gone")}, domain.ErrorEndpointRemoved},
	} {
		s := NewSender(c.endpoints, guard(t), time.Now)
		if result := s.Send(context.Background(), message(t)); result.Verdict != domain.Skipped || result.Code != c.want {
			t.Errorf("%s: got %+v", name, result)
		}
	}
}

func TestOurOwnFailureIsRetriedAndNotTheEndpointsFault(t *testing.T) {
	s := NewSender(fixed{err: errors.New("database is away")}, guard(t), time.Now)
	result := s.Send(context.Background(), message(t))
	if result.Verdict != domain.Retry || result.CountsAgainst() {
		t.Errorf("got %+v", result)
	}
}

func TestRetryAfterIsReadInBothFormsAndBounded(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "9223372036854775807": 24 * time.Hour, "99999999999999999999": 0,
		now.Add(time.Hour).Format(http.TimeFormat):        time.Hour,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
		now.Add(1000 * time.Hour).Format(http.TimeFormat): 24 * time.Hour,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
