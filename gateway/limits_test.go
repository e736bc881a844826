package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/workflows/contract"
)

// intake is a cases service that keeps what was filed under each key.
type intake struct {
	mu   sync.Mutex
	kept map[string]bool
}

func (w *world) takesFilings() *intake {
	in := &intake{kept: map[string]bool{}}
	w.cases.on("POST /v1/merchants/{merchant}/applications", func(out http.ResponseWriter, r *http.Request) {
		var filed struct {
			Key string `json:"idempotency_key"`
		}
		if err := json.NewDecoder(r.Body).Decode(&filed); err != nil {
			out.WriteHeader(http.StatusBadRequest)
			return
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		reply(out, http.StatusOK, fmt.Sprintf(`{"case_id":"case_%s","created":%t}`, filed.Key, !in.kept[filed.Key]))
		in.kept[filed.Key] = true
	})
	w.cases.on("GET /v1/merchants/{merchant}/cases/{case}", func(out http.ResponseWriter, r *http.Request) {
		reply(out, http.StatusOK, strings.ReplaceAll(aCase, "case_1", r.PathValue("case")))
	})
	return in
}

func (in *intake) has(key string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.kept[key]
}

func (w *world) started(caseID string) bool {
	w.temporal.mu.Lock()
	defer w.temporal.mu.Unlock()
	for _, start := range w.temporal.starts {
		if start.ID == contract.CaseWorkflowID(merchant, caseID) {
			return true
		}
	}
	return false
}

func TestAFloodIsAnsweredWith429AndNoAcceptedCaseIsLost(t *testing.T) {
	w := newWorld(t, "GATEWAY_REQUESTS_PER_SECOND=10")
	filed := w.takesFilings()
	flooding, calm := w.token("shop", "storefront"), w.token("a1", "agent")
	const shoppers, each = 10, 20
	var (
		flood    sync.WaitGroup
		mu       sync.Mutex
		statuses = map[string]response{}
	)
	for shopper := range shoppers {
		flood.Go(func() {
			for n := range each {
				key := fmt.Sprintf("flood-%d-%d", shopper, n)
				got := w.ask(flooding, "POST", "/v1/cases", filing, "Idempotency-Key", key)
				mu.Lock()
				statuses[key] = got
				mu.Unlock()
			}
		})
	}
	for range 5 {
		w.ask(calm, "GET", "/v1/cases/case_1", "").is(200, "")
		w.ask("", "GET", "/livez", "").is(200, "")
		w.ask("", "GET", "/readyz", "").is(200, "")
	}
	flood.Wait()

	accepted := 0
	for key, got := range statuses {
		if got.status == http.StatusTooManyRequests {
			got.is(429, "too_many_requests")
			require.NotEmpty(t, got.header.Get("Retry-After"))
			require.False(t, filed.has(key), "%s was refused, and kept", key)
			require.False(t, w.started("case_"+key), "%s was refused, and started", key)
			continue
		}
		got.is(201, "")
		accepted++
		require.True(t, filed.has(key), "%s was accepted, and not kept", key)
		require.True(t, w.started("case_"+key), "%s was accepted, and not started", key)
	}
	require.GreaterOrEqual(t, accepted, 20, "the burst is taken")
	require.Less(t, accepted, shoppers*each, "nothing was refused")
}

func TestWhoSendsSlowlyTakesTheRoomOfNobodyElse(t *testing.T) {
	w := newWorld(t, "GATEWAY_IN_FLIGHT=8") // 2 for a subject, 4 for a tenant
	w.cases.on("POST /v1/merchants/{merchant}/evidence",
		answer(`{"evidence_id":"ev_1","content_type":"image/png","size_bytes":3,"width":1,"height":1}`))
	slow := w.token("slow", "storefront")
	before := len(w.cases.asked("GET", "/case_1"))
	release := []func(){w.trickle(slow), w.trickle(slow)}
	require.Eventually(t, func() bool { return w.ask(slow, "GET", "/v1/cases/case_1", "").status == http.StatusTooManyRequests }, 30*time.Second, 5*time.Millisecond)
	w.ask(w.token("a1", "agent"), "GET", "/v1/cases/case_1", "").is(200, "")

	release = append(release, w.trickle(w.token("slow-2", "storefront")), w.trickle(w.token("slow-2", "storefront")))
	require.Eventually(t, func() bool {
		return w.ask(w.token("a1", "agent"), "GET", "/v1/cases/case_1", "").status == http.StatusTooManyRequests
	}, 30*time.Second, 5*time.Millisecond, "a tenant has half of the room")
	for _, finish := range release {
		finish()
	}
	require.Eventually(t, func() bool { return w.ask(slow, "GET", "/v1/cases/case_1", "").status == http.StatusOK }, 30*time.Second, 5*time.Millisecond)
	require.Greater(t, len(w.cases.asked("GET", "/case_1")), before)
}

// trickle begins an upload and returns what ends it.
func (w *world) trickle(token string) (finish func()) {
	w.t.Helper()
	reader, writer := io.Pipe()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.gateway.URL+"/v1/evidence", reader)
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/octet-stream")
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if answer, err := http.DefaultClient.Do(r); err == nil {
			_ = answer.Body.Close()
		}
	}()
	_, err = writer.Write([]byte("\x89PN"))
	require.NoError(w.t, err)
	return func() {
		_ = writer.Close()
		<-answered
	}
}

func TestAFloodOfMessagesFromOneProviderLeavesTheOthersTheirRoom(t *testing.T) {
	w := newWorld(t, "GATEWAY_CALLBACKS_PER_SECOND=2")
	w.payment.on("POST /v1/callbacks/wechatpay", believed("thank you"))
	w.logistics.on("POST /v1/callbacks/kuaidi100/s3cret", believed("thank you"))
	refused := 0
	for range 20 {
		got := w.ask("", "POST", "/callbacks/wechatpay", "{}")
		if got.status != http.StatusTooManyRequests {
			got.is(200, "")
			continue
		}
		refused++
		require.Equal(t, "1", got.is(429, "too_many_requests").header.Get("Retry-After"))
	}
	require.Positive(t, refused)
	require.Len(t, w.temporal.signals, 20-refused, "who is thanked has woken the workflow")
	w.ask("", "POST", "/callbacks/kuaidi100/s3cret", "param={}").is(200, "")
	w.ask(w.token(owner, "buyer"), "GET", "/v1/cases/case_1", "").is(200, "")
	require.Eventually(t, func() bool { return w.ask("", "POST", "/callbacks/wechatpay", "{}").status == http.StatusOK },
		5*time.Second, 50*time.Millisecond, "a provider that comes again is heard")
}

func TestAllStreamsTogetherHaveABound(t *testing.T) {
	w := newWorld(t, "GATEWAY_STREAMS=1")
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1/timeline", func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("wait_seconds") != "" {
			<-r.Context().Done()
			return
		}
		reply(out, 200, entries(0, 1, "open"))
	})
	_, _, leave := w.follow(w.token(owner, "buyer"))
	full := w.ask(w.token("a1", "agent"), "GET", "/v1/cases/case_1/events", "").is(429, "too_many_streams")
	require.Equal(t, "30", full.header.Get("Retry-After"))
	leave()
	require.Eventually(t, func() bool {
		answer, _, leave := w.follow(w.token("a1", "agent"))
		defer leave()
		return answer.StatusCode == http.StatusOK
	}, 5*time.Second, 10*time.Millisecond)
}
