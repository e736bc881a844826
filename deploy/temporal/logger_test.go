package temporal

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"go.temporal.io/server/common/log/tag"
)

func TestLoggerPassesOnWarningsOnly(t *testing.T) {
	var out bytes.Buffer
	var quiet atomic.Bool
	log := newLogger(slog.New(slog.NewTextHandler(&out, nil)), &quiet, nil)
	log.Info("info")
	log.SLog().Info("info")
	log.With(tag.WorkflowID("case-1")).Warn("slow")
	log.Error("broken", tag.Error(errors.New("disk full")))
	quiet.Store(true)
	log.Error("stopping")

	got := out.String()
	for _, want := range []string{
		"level=WARN msg=slow component=temporal wf-id=case-1", `level=ERROR msg=broken component=temporal error="disk full"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("log lacks %q:\n%s", want, got)
		}
	}
	if strings.Count(got, "\n") != 2 {
		t.Errorf("log has more than the warning and the error:\n%s", got)
	}
}

// TestFatalEndsTheServerNotTheProcess: the server calls Fatal where it cannot go on.
func TestFatalEndsTheServerNotTheProcess(t *testing.T) {
	cause := errors.New("address in use")
	var quiet atomic.Bool
	s := &Server{done: make(chan struct{})}
	server := newLogger(slog.New(slog.DiscardHandler), &quiet, s.die)
	ended := make(chan bool)
	go func() {
		defer close(ended)
		server.Fatal("failed to listen", tag.Error(cause))
		ended <- true
	}()
	if <-ended {
		t.Error("Fatal returned")
	}
	if err := s.Wait(); !errors.Is(err, cause) || !strings.Contains(err.Error(), "failed to listen") {
		t.Errorf("Wait: %v", err)
	}
}
