package http

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"aftercare.dev/gateway/access"
	"aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/problem"
)

const (
	// heartbeat is how long a stream is silent at most, in seconds: proxies cut what is silent for longer.
	heartbeat = 15
	// eventsAtOnce is how many entries are read for a stream in one call.
	eventsAtOnce = 100
	// sendTimeout is how long a client may take to read what it was sent.
	sendTimeout = 30 * time.Second
)

// GetTimeline returns what happened.
func (h *Handlers) GetTimeline(ctx context.Context, r api.GetTimelineRequestObject) (api.GetTimelineResponseObject, error) {
	timeline, err := h.timeline(ctx, r.CaseID, cases.GetTimelineParams{After: r.Params.After, Limit: r.Params.Limit})
	if err != nil {
		return nil, err
	}
	return api.GetTimeline200JSONResponse(timeline), nil
}

// timeline is what happened as far as the caller may know.
func (h *Handlers) timeline(ctx context.Context, caseID string, p cases.GetTimelineParams) (cases.Timeline, error) {
	caller := access.From(ctx)
	p.BuyerID = caller.Owner()
	if !caller.Staff() {
		everyone := cases.Everyone
		p.Audience = &everyone
	}
	timeline, err := read(h.Services.Cases.GetTimelineWithResponse(ctx, caller.MerchantID, caseID, &p))
	if err != nil {
		return cases.Timeline{}, err
	}
	entries := make([]cases.Entry, 0, len(timeline.Entries))
	for _, e := range timeline.Entries {
		if !caller.Staff() && e.Audience != cases.Everyone {
			continue
		}
		entries = append(entries, told(caller, e))
	}
	timeline.Entries = entries
	return timeline, nil
}

// told is an entry without who of the merchant's people it was: a buyer deals with a role, not with a person.
func told(caller access.Caller, e cases.Entry) cases.Entry {
	if caller.Confined() && e.Actor.Role != cases.RoleBuyer {
		e.Actor.ID = string(e.Actor.Role)
	}
	return e
}

// StreamEvents sends an event for each timeline entry as it is recorded.
func (h *Handlers) StreamEvents(ctx context.Context, r api.StreamEventsRequestObject) (api.StreamEventsResponseObject, error) {
	after, err := seen(value(r.Params.LastEventID))
	if err != nil {
		return nil, err
	}
	first, err := h.timeline(ctx, r.CaseID, cases.GetTimelineParams{After: &after, Limit: pointer(eventsAtOnce)})
	if err != nil {
		return nil, err
	}
	if len(first.Entries) == 0 && first.Status == cases.StatusClosed {
		return nothingMore{}, nil
	}
	caller := access.From(ctx)
	switch h.streams.take(caller.Principal) {
	case allTaken:
		AnswerHeader(ctx).Set("Retry-After", "30")
		return nil, problem.New(http.StatusTooManyRequests, CodeTooManyStreams, "no more live views can be opened at the moment; ask for the case instead").
			With("limit", h.Limits.Streams)
	case ownTaken:
		return nil, problem.New(http.StatusTooManyRequests, CodeTooManyStreams, "close a stream before you open another").
			With("limit", h.Limits.StreamsPerSubject)
	default:
	}
	return eventStream(func(w http.ResponseWriter) error {
		defer h.streams.release(caller.Principal)
		return h.stream(ctx, w, r.CaseID, after, first)
	}), nil
}

// seen is the number of the entry that a client saw last, 0 for none.
func seen(lastEventID string) (int64, error) {
	if lastEventID == "" {
		return 0, nil
	}
	number, err := strconv.ParseInt(lastEventID, 10, 64)
	if err != nil || number < 0 {
		return 0, problem.Invalid("Last-Event-ID", "must be the number of an entry")
	}
	return number, nil
}

func pointer[T any](v T) *T { return &v }

// eventStream writes a stream into the answer.
type eventStream func(http.ResponseWriter) error

// VisitStreamEventsResponse implements api.StreamEventsResponseObject.
func (s eventStream) VisitStreamEventsResponse(w http.ResponseWriter) error { return s(w) }

// nothingMore tells an EventSource that it need not come back: the case is closed and all was told.
type nothingMore struct{}

// VisitStreamEventsResponse implements api.StreamEventsResponseObject.
func (nothingMore) VisitStreamEventsResponse(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// stream sends entries until the case is closed, the client leaves or the server drains; a client that comes back goes
// on where it was.
func (h *Handlers) stream(ctx context.Context, w http.ResponseWriter, caseID string, after int64, timeline cases.Timeline) error {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	for {
		if err := send(w, control, timeline.Entries); err != nil {
			return err
		}
		if n := len(timeline.Entries); n > 0 {
			after = timeline.Entries[n-1].Number
		}
		if timeline.Status == cases.StatusClosed && len(timeline.Entries) < eventsAtOnce {
			return nil
		}
		var err error
		timeline, err = h.timeline(ctx, caseID, cases.GetTimelineParams{
			After: &after, Limit: pointer(eventsAtOnce), WaitSeconds: pointer(heartbeat),
		})
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the client left, or the server drains: the end of a stream
			}
			return err
		}
	}
}

// send writes entries as events, or a comment if there are none.
func send(w io.Writer, control *http.ResponseController, entries []cases.Entry) error {
	// A recorder in a test has no deadlines.
	_ = control.SetWriteDeadline(time.Now().Add(sendTimeout))
	if len(entries) == 0 {
		if _, err := io.WriteString(w, ": nothing new\n\n"); err != nil {
			return err
		}
	}
	for _, e := range entries {
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write event: %w", err)
		}
		if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.Number, e.Type, data); err != nil {
			return err
		}
	}
	return control.Flush()
}

// streams counts the open streams, of all and of each subject.
type streams struct {
	limit, perSubject int

	mu   sync.Mutex
	all  int
	open map[[2]string]int
}

// seat tells whether a stream may be opened.
type seat int

const (
	free seat = iota
	ownTaken
	allTaken
)

func newStreams(limit, perSubject int) *streams {
	return &streams{limit: limit, perSubject: perSubject, open: map[[2]string]int{}}
}

func (s *streams) take(p access.Principal) seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := [2]string{p.MerchantID, p.Subject}
	switch {
	case s.open[subject] >= s.perSubject:
		return ownTaken
	case s.all >= s.limit:
		return allTaken
	}
	s.all++
	s.open[subject]++
	return free
}

func (s *streams) release(p access.Principal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := [2]string{p.MerchantID, p.Subject}
	s.all--
	if s.open[subject]--; s.open[subject] <= 0 {
		delete(s.open, subject)
	}
}
