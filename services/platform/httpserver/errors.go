package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"aftercare.dev/services/platform/problem"
)

// statusClientGone is logged, and seen by nobody: the client went away before the answer.
const statusClientGone = 499

// handleError answers with a problem whatever a handler, a binder or a router returned.
func (s *Server) handleError(err error, c echo.Context) {
	r := c.Request()
	gone := errors.Is(err, context.Canceled) && errors.Is(r.Context().Err(), context.Canceled)
	switch {
	case c.Response().Committed && gone: // the end of a stream
		return
	case c.Response().Committed:
		s.log.LogAttrs(r.Context(), slog.LevelWarn, "failed after the answer began", slog.Any("error", err))
		return
	case gone:
		c.Response().WriteHeader(statusClientGone)
		return
	}
	e := toProblem(err, r)
	s.logFailure(r, e)
	if err := s.problems.Write(c.Response(), e, occasionOf(r)); err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelDebug, "problem not delivered", slog.Any("error", err))
	}
}

func (s *Server) logFailure(r *http.Request, e *problem.Error) {
	if e.Status < http.StatusInternalServerError {
		return
	}
	level := slog.LevelWarn
	if e.Code == problem.CodeInternal {
		level = slog.LevelError
	}
	s.log.LogAttrs(r.Context(), level, "request failed",
		slog.String("code", e.Code), slog.String("request_id", RequestID(r.Context())), slog.Any("error", e))
}

func occasionOf(r *http.Request) problem.Occasion {
	at := problem.Occasion{Languages: r.Header.Get("Accept-Language")}
	if id := RequestID(r.Context()); id != "" {
		at.Instance = "urn:request:" + id
	}
	if span := trace.SpanContextFromContext(r.Context()); span.HasTraceID() {
		at.TraceID = span.TraceID().String()
	}
	return at
}

// toProblem finds the problem in an error of any origin.
func toProblem(err error, r *http.Request) *problem.Error {
	if e, ok := problem.As(err); ok {
		return e
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return problem.TooLarge(tooLarge.Limit)
	}
	var routing *echo.HTTPError
	if errors.As(err, &routing) {
		return ofEcho(routing, r)
	}
	if errors.Is(err, context.DeadlineExceeded) && errors.Is(r.Context().Err(), context.DeadlineExceeded) {
		return problem.Unavailable(problem.CodeTimeout, "the request took too long").WithCause(err)
	}
	return problem.From(err)
}

// ofEcho translates errors of the router, of binding and of generated code.
func ofEcho(err *echo.HTTPError, r *http.Request) *problem.Error {
	switch err.Code {
	case http.StatusNotFound:
		return problem.NotFound(problem.CodeNotFound, "no operation has this path")
	case http.StatusMethodNotAllowed:
		return problem.OfStatus(err.Code, "the path does not offer "+r.Method)
	case http.StatusInternalServerError:
		return problem.Internal(err)
	case http.StatusBadRequest:
		// Generated code names the parameter before the colon; what follows may repeat a value.
		if text, ok := err.Message.(string); ok && err.Internal == nil {
			text, _, _ = strings.Cut(text, ": ")
			return problem.Invalid("", text)
		}
		return problem.Invalid("", "the request cannot be read")
	}
	return problem.OfStatus(err.Code, fmt.Sprint(err.Message))
}
