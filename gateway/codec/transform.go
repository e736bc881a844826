package codec

import (
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"

	"go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/payload"
)

// transform is one way of a codec.
type transform = func([]*common.Payload) ([]*common.Payload, error)

// handler answers, or returns what it refuses with.
type handler = func(w http.ResponseWriter, r *http.Request) error

// handle transforms the payloads of a request for whoever may see them, and writes down who that was. The form of request
// and answer is that of Temporal's remote codecs: {"payloads": […]}, the JSON of the message Payloads.
func (s *Service) handle(name string, does transform) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, err := s.identify(w, r)
		if err != nil {
			s.audit(r, name, caller, 0, err)
			return err
		}
		given, err := read(r)
		if err != nil {
			s.audit(r, name, caller, 0, err)
			return err
		}
		answer, err := apply(given, does)
		s.audit(r, name, caller, len(given.GetPayloads()), err)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
		return nil
	}
}

// apply returns the transformed payloads as JSON.
func apply(given *common.Payloads, does transform) ([]byte, error) {
	changed, err := does(given.GetPayloads())
	var unreadable *payload.UnreadableError
	if errors.As(err, &unreadable) {
		return nil, problem.Unprocessable("unreadable_payload", unreadable.Error())
	}
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(&common.Payloads{Payloads: changed})
}

func read(r *http.Request) (*common.Payloads, error) {
	// A form of another page could send any other type without asking first.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, problem.New(http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType, "send application/json")
	}
	body, err := io.ReadAll(r.Body)
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return nil, problem.TooLarge(long.Limit)
	}
	if err != nil {
		return nil, problem.Invalid("", "the body cannot be read").WithCause(err)
	}
	var payloads common.Payloads
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &payloads); err != nil {
		return nil, problem.Invalid("payloads", "the body must be the JSON of Temporal's Payloads").WithCause(err)
	}
	return &payloads, nil
}

// audit writes down who asked for what and what became of it; never what was in it. Without a caller nobody is known.
func (s *Service) audit(r *http.Request, name string, c caller, payloads int, err error) {
	outcome := "done"
	if err != nil {
		outcome = problem.From(err).Code
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "audit",
		slog.String("operation", name),
		slog.String("subject", c.Subject),
		slog.String("role", c.role),
		slog.String("by", c.by),
		slog.Int("payloads", payloads),
		slog.String("outcome", outcome),
		slog.String("request_id", httpserver.RequestID(r.Context())),
	)
}
