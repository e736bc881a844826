package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/services/platform/telemetry"
)

type requestIDKey struct{}

// RequestID returns the id of the request that a context belongs to: the client's X-Request-Id, or one
// of ours. The answer carries it in the same header.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// acceptableID tells whether a client's id can go into headers and logs as it is.
func acceptableID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_' && r != '.'
	}) < 0
}

// observe names the request, and logs how it went: never the query string or a path with its values,
// which may be personal.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begin := time.Now()
		r := c.Request()
		route := c.Path()
		if route != "" {
			r.Pattern = r.Method + " " + templateOf(route) // for otelhttp
		}
		// The tracing took the path with its values, such as the token of a callback's address.
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("url.path", templateOf(route)))
		if labels, found := otelhttp.LabelerFromContext(r.Context()); found {
			labels.Add(attribute.String("service", s.o.Name))
		}
		id := r.Header.Get(echo.HeaderXRequestID)
		if !acceptableID(id) {
			id = ids.New("req")
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))

		if err := next(c); err != nil {
			c.Error(err)
		}
		status := c.Response().Status
		if isProbe(route) && status == http.StatusOK {
			return nil
		}
		level := slog.LevelInfo
		if status >= http.StatusInternalServerError {
			level = slog.LevelWarn
		}
		attrs := []slog.Attr{
			slog.String("method", r.Method),
			slog.String("route", templateOf(route)),
			slog.Int("status", status),
			slog.Float64("duration_ms", float64(time.Since(begin).Microseconds())/1000),
			slog.Int64("bytes", c.Response().Size),
			slog.String("request_id", id),
		}
		if name := callerOf(c); name != "" {
			attrs = append(attrs, slog.String("caller", name))
		}
		s.log.LogAttrs(c.Request().Context(), level, "request", attrs...)
		return nil
	}
}

// recoverPanic turns a panic into an error. The connection of [http.ErrAbortHandler] is cut, as
// net/http promises.
func (s *Server) recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				panic(cause)
			default:
				s.log.LogAttrs(c.Request().Context(), slog.LevelError, "panic",
					slog.String("cause", fmt.Sprint(cause)), slog.String("stack", string(debug.Stack())))
				err = problem.Internal(errPanic)
			}
		}()
		return next(c)
	}
}

var errPanic = errors.New("the handler panicked")

// guard sets the limits of a request and the headers of every answer.
func (s *Server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")

		r := c.Request()
		op := s.operation(c)
		limit := s.o.MaxBody
		if op != nil && op.maxBody > 0 {
			limit = op.maxBody
		}
		if r.ContentLength > limit {
			return problem.TooLarge(limit)
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(c.Response(), r.Body, limit)
		}

		ctx, cancel := s.deadline(c, op)
		defer cancel()
		c.SetRequest(r.WithContext(ctx))
		// Errors are answered here, while the context still tells whether time ran out or the client left.
		if err := next(c); err != nil {
			c.Error(err)
		}
		return nil
	}
}

func (s *Server) deadline(c echo.Context, op *operation) (context.Context, context.CancelFunc) {
	ctx := c.Request().Context()
	if op == nil || !op.streams {
		return context.WithTimeout(ctx, s.o.Timeout)
	}
	control := http.NewResponseController(c.Response())
	// A recorder in a test has no deadlines.
	_ = control.SetWriteDeadline(time.Time{})
	_ = control.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// identify has logs and spans name the merchant and the case that the path names. Where the path names no case, a process
// of the house may have said in a header which one it works for; where people call, nobody may.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		params := paramsOf(c)
		caseID := params["case_id"]
		if !caseIDs.MatchString(caseID) && s.o.Authorize == nil {
			caseID = c.Request().Header.Get(telemetry.CaseHeader)
		}
		if !caseIDs.MatchString(caseID) {
			caseID = ""
		}
		merchantID := params["merchant_id"]
		if !acceptableID(merchantID) {
			merchantID = ""
		}
		c.SetRequest(c.Request().WithContext(telemetry.WithCase(c.Request().Context(), merchantID, caseID)))
		return next(c)
	}
}

// caseIDs are what the house mints. Anything else that stands in its place may be personal, and is not repeated.
var caseIDs = regexp.MustCompile(`^case_[0-9A-Za-z]{10,58}$`)

func (s *Server) authorize(next echo.HandlerFunc) echo.HandlerFunc {
	if s.o.Authorize == nil {
		return next
	}
	return func(c echo.Context) error {
		op := s.operation(c)
		if op == nil {
			return next(c)
		}
		asked := op.Operation
		asked.Params = paramsOf(c)
		r := c.Request()
		ctx, err := s.o.Authorize(r.Context(), asked, r)
		if err != nil {
			return err
		}
		if ctx != nil {
			c.SetRequest(r.WithContext(ctx))
		}
		return next(c)
	}
}
