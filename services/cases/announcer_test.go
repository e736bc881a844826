package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"aftercare.dev/services/cases/store"
	notification "aftercare.dev/services/notification/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/gather/gathertest"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/outbox"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/services/platform/telemetry"
)

// listener is a notification service that takes a request when the test says so, and answers as it says.
type listener struct {
	*announcer
	arrived chan arrival
	answer  func(events []notification.Event) (status int)
	release chan struct{}
}

type arrival struct {
	merchant string
	events   []string
	about    string
}

func listening(t *testing.T) *listener {
	t.Helper()
	l := &listener{
		arrived: make(chan arrival, 1000), release: make(chan struct{}),
		answer: func([]notification.Event) int { return http.StatusNoContent },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body notification.Events
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		a := arrival{merchant: strings.Split(r.URL.Path, "/")[3], about: r.Header.Get(telemetry.CaseHeader)}
		for _, e := range body.Events {
			a.events = append(a.events, e.EventID)
		}
		l.arrived <- a
		select {
		case <-l.release:
		case <-r.Context().Done():
		}
		w.WriteHeader(l.answer(body.Events))
	}))
	t.Cleanup(server.Close)
	announcer, err := newAnnouncer(server.URL, httpclient.New(httpclient.Options{BaseURL: server.URL, Token: config.Secret("token")}))
	require.NoError(t, err)
	l.announcer = announcer
	return l
}

// tell has a step of a case announced, by so many events; the channel has how it went.
func (l *listener) tell(ctx context.Context, merchant, caseID string, events int) <-chan error {
	messages := make([]outbox.Message, events)
	for i := range messages {
		payload, err := json.Marshal(store.Event{
			EventID: fmt.Sprintf("%s.%d", caseID, i), MerchantID: merchant, CaseID: caseID, Type: "case.opened", OccurredAt: time.Now(),
		})
		messages[i] = outbox.Message{Topic: store.TopicEvent, Payload: payload}
		if err != nil {
			panic(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- l.deliver(ctx, messages) }()
	return done
}

// next is the next request.
func (l *listener) next(t *testing.T) arrival {
	t.Helper()
	select {
	case a := <-l.arrived:
		return a
	case <-time.After(20 * time.Second):
		t.Fatal("no request came")
		panic("unreachable")
	}
}

// open lets all requests be answered from now on.
func (l *listener) open() { close(l.release) }

// together has cases announced that wait for each other: a first one, and when its request is under way, those of the names.
// It returns how each went.
func (l *listener) together(t *testing.T, cases ...string) map[string]<-chan error {
	t.Helper()
	results := map[string]<-chan error{"first": l.tell(t.Context(), "m1", "first", 1)}
	require.Equal(t, []string{"first.0"}, l.next(t).events, "alone, it goes at once")
	for _, id := range cases {
		ctx, waits := gathertest.Waiting(t.Context())
		results[id] = l.tell(ctx, "m1", id, 2)
		<-waits
	}
	return results
}

func TestWhatAMerchantsCasesAnnounceAtTheSameTimeGoesInOneRequest(t *testing.T) {
	l := listening(t)
	results := l.together(t, "a", "b", "c")
	other := l.tell(t.Context(), "m2", "x", 1)
	require.Equal(t, arrival{merchant: "m2", events: []string{"x.0"}, about: "x"}, l.next(t), "merchants do not wait for each other")
	l.open()
	gathered := l.next(t)
	require.Equal(t, arrival{merchant: "m1", events: []string{"a.0", "a.1", "b.0", "b.1", "c.0", "c.1"}}, gathered)
	for id, done := range results {
		require.NoError(t, <-done, id)
	}
	require.NoError(t, <-other)
	require.Empty(t, l.arrived)
}

func TestARequestHasNoMoreEventsThanTheContractAllows(t *testing.T) {
	spec, err := notification.GetSpec()
	require.NoError(t, err)
	require.EqualValues(t, mostEvents, *spec.Components.Schemas["Events"].Value.Properties["events"].Value.MaxItems)
}

func TestAnEventThatIsRefusedHarmsNoOtherCase(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			l := listening(t)
			l.answer = func(events []notification.Event) int {
				if slices.ContainsFunc(events, func(e notification.Event) bool { return e.CaseID == "bad" }) {
					return status
				}
				return http.StatusNoContent
			}
			results := l.together(t, "a", "bad", "c")
			l.open()
			for _, id := range []string{"first", "a", "c"} {
				require.NoError(t, <-results[id], id)
			}
			refused, ok := problem.As(<-results["bad"])
			require.True(t, ok)
			require.Equal(t, status, refused.Status)
			require.Len(t, l.next(t).events, 6)
			for _, id := range []string{"a", "bad", "c"} {
				require.Equal(t, arrival{merchant: "m1", events: []string{id + ".0", id + ".1"}, about: id}, l.next(t))
			}
		})
	}
}

func TestAnOutageIsToldToEachCaseWithoutAskingAgain(t *testing.T) {
	for _, status := range []int{
		http.StatusInternalServerError, http.StatusServiceUnavailable,
		http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			l := listening(t)
			l.answer = func([]notification.Event) int { return status }
			results := l.together(t, "a", "b")
			l.open()
			for id, done := range results {
				require.Error(t, <-done, id)
			}
			require.Len(t, l.next(t).events, 4)
			require.Empty(t, l.arrived)
		})
	}
}

func TestTheTracesOfCasesThatAreAnnouncedTogetherLeadToTheRequest(t *testing.T) {
	recorded := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(recorded)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	events := []notification.Event{{CaseID: "a"}, {CaseID: "a"}, {CaseID: "b"}}

	_, end := traced(t.Context(), "m1", events[:2])
	end()
	require.Empty(t, recorded.Ended(), "a request of one case is its own trace")

	_, end = traced(t.Context(), "m1", events)
	end()
	spans := recorded.Ended()
	require.Len(t, spans, 3)
	request := spans[2]
	for _, s := range spans[:2] {
		require.NotEqual(t, request.SpanContext().TraceID(), s.SpanContext().TraceID())
		require.Equal(t, request.SpanContext(), s.Links()[0].SpanContext)
	}
}
