package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// nexusOff begins the server's warning at every start that it cannot do Nexus without an HTTP port. The
// product does not use Nexus.
const nexusOff = "HTTP API port has not been set"

// logger gives the server's warnings and errors to slog and drops the rest. The server makes a logger
// with tags for every workflow that it loads, so tags are translated only when there is a line to write.
type logger struct {
	slog *slog.Logger
	tags []tag.Tag
	die  func(error)
}

var (
	_ log.Logger      = (*logger)(nil)
	_ log.WithLogger  = (*logger)(nil)
	_ log.SLogWrapper = (*logger)(nil)
)

// newLogger returns a logger that is silent while quiet is true: services that stop one after the
// other complain about each other. The function die gets the reason of a Fatal and does not return.
func newLogger(to *slog.Logger, quiet *atomic.Bool, die func(error)) *logger {
	handler := &warnings{next: to.Handler(), quiet: quiet}
	return &logger{slog: slog.New(handler).With("component", "temporal"), die: die}
}

func (l *logger) Debug(string, ...tag.Tag) {}

func (l *logger) Info(string, ...tag.Tag) {}

func (l *logger) Warn(msg string, tags ...tag.Tag) {
	if !strings.HasPrefix(msg, nexusOff) {
		l.log(slog.LevelWarn, msg, tags)
	}
}

func (l *logger) Error(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

// DPanic is for "impossible" states in which a development server should panic. This one should not.
func (l *logger) DPanic(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

func (l *logger) Panic(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	panic(msg)
}

// Fatal is called where the server cannot go on and does not expect to. Ending the process is not for the
// server to decide here, see Server.die.
func (l *logger) Fatal(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	l.die(fatalError(msg, tags))
}

// With implements log.WithLogger.
func (l *logger) With(tags ...tag.Tag) log.Logger {
	return &logger{slog: l.slog, tags: slices.Concat(l.tags, tags), die: l.die}
}

// SLog implements log.SLogWrapper: the SDK workers inside the server log through it.
func (l *logger) SLog() *slog.Logger { return slog.New(l.slog.Handler().WithAttrs(attributes(l.tags))) }

func (l *logger) log(level slog.Level, msg string, tags []tag.Tag) {
	ctx := context.Background()
	if l.slog.Enabled(ctx, level) {
		l.slog.LogAttrs(ctx, level, msg, attributes(slices.Concat(l.tags, tags))...)
	}
}

func attributes(tags []tag.Tag) []slog.Attr {
	attrs := make([]slog.Attr, len(tags))
	for i, t := range tags {
		attrs[i] = slog.Any(t.Key(), t.Value())
	}
	return attrs
}

// fatalError makes one error of the message and the error among the tags.
func fatalError(msg string, tags []tag.Tag) error {
	for _, t := range tags {
		if field, ok := t.(tag.ZapTag); ok {
			if err, ok := field.Field().Interface.(error); ok {
				return fmt.Errorf("%s: %w", msg, err)
			}
		}
	}
	return errors.New(msg)
}

// warnings is a handler that passes on warnings and worse, and nothing while quiet.
type warnings struct {
	next  slog.Handler
	quiet *atomic.Bool
}

func (h *warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && !h.quiet.Load() && h.next.Enabled(ctx, level)
}

func (h *warnings) Handle(ctx context.Context, record slog.Record) error {
	return h.next.Handle(ctx, record)
}

func (h *warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &warnings{next: h.next.WithAttrs(attrs), quiet: h.quiet}
}

func (h *warnings) WithGroup(name string) slog.Handler {
	return &warnings{next: h.next.WithGroup(name), quiet: h.quiet}
}
