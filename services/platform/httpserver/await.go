package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Waiting says what a process waits for before it can serve.
type Waiting struct {
	// For is its name, as /readyz tells it: "database".
	For string
	// Worth tells whether an error is gone once that is there. Any other ends the waiting.
	Worth  func(error) bool
	Logger *slog.Logger
}

// Await opens what a process needs to serve, again and again while the error is worth it. Meanwhile it answers on the
// listener: /livez is green, /readyz says what is missing, and everything else is refused. The listener stays open.
func Await[T any](ctx context.Context, listener net.Listener, w Waiting, open func(context.Context) (T, error)) (T, error) {
	const soon, late = 100 * time.Millisecond, 5 * time.Second
	opened, err := open(ctx)
	if err == nil || !w.Worth(err) {
		return opened, err
	}
	leave, failed := receive(listener, w)
	if failed != nil {
		return opened, failed
	}
	defer leave()
	for pause := soon; ; pause = min(2*pause, late) {
		w.Logger.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.String("check", w.For), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return opened, ctx.Err()
		case <-time.After(pause):
		}
		if opened, err = open(ctx); err == nil || !w.Worth(err) {
			return opened, err
		}
	}
}

// receive answers on the listener until leave is called, which gives the listener back.
func receive(listener net.Listener, w Waiting) (leave func(), err error) {
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("wait for the %s: the listener is a %T, expected one of TCP", w.For, listener)
	}
	server := &http.Server{Handler: w, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(w.Logger.Handler(), slog.LevelDebug)}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(lent{tcp}); !errors.Is(err, http.ErrServerClosed) {
			w.Logger.Warn("the probes are not answered", "error", err)
		}
	})
	return func() {
		_ = server.Close()
		serving.Wait()
		_ = tcp.SetDeadline(time.Time{})
	}, nil
}

// lent is a listener that stays open when who serves on it closes it.
type lent struct{ *net.TCPListener }

// Close ends the accepting and nothing else.
func (l lent) Close() error { return l.SetDeadline(time.Now()) }

// ServeHTTP answers for a process that waits.
func (w Waiting) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	status, said := http.StatusServiceUnavailable, readiness{Status: "not ready", Missing: []string{w.For}}
	if r.URL.Path == livez {
		status, said = http.StatusOK, readiness{Status: "ok"}
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Retry-After", "1")
	rw.WriteHeader(status)
	if err := json.NewEncoder(rw).Encode(said); err != nil {
		w.Logger.LogAttrs(r.Context(), slog.LevelDebug, "a probe did not get its answer", slog.Any("error", err))
	}
}
