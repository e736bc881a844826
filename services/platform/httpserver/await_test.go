package httpserver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

var errGone = errors.New("nobody answers")

func waitingFor(t *testing.T) (net.Listener, Waiting) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener, Waiting{
		For: "database", Logger: slog.New(slog.DiscardHandler),
		Worth: func(err error) bool { return errors.Is(err, errGone) },
	}
}

func TestAProcessThatWaitsSaysWhatForAndThenServes(t *testing.T) {
	listener, w := waitingFor(t)
	url := "http://" + listener.Addr().String()
	attempts := 0
	opened, err := Await(t.Context(), listener, w, func(context.Context) (string, error) {
		if attempts++; attempts == 1 {
			return "", errGone
		}
		for path, want := range map[string]string{"/livez": `200 {"status":"ok"}`, "/readyz": `503 {"status":"not ready","missing":["database"]}`} {
			if got := get(t, url+path); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		return "open", nil
	})
	if opened != "open" || err != nil || attempts != 2 {
		t.Fatalf("%q, %v after %d attempts", opened, err, attempts)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = server.Serve(listener) }()
	if got := get(t, url+"/livez"); !strings.HasPrefix(got, "404") {
		t.Errorf("the listener is not free: %s", got)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnErrorThatWaitingDoesNotMendEndsIt(t *testing.T) {
	listener, w := waitingFor(t)
	wrong, attempts := errors.New("the schema is too old"), 0
	_, err := Await(t.Context(), listener, w, func(context.Context) (string, error) {
		if attempts++; attempts == 1 {
			return "", errGone
		}
		return "", wrong
	})
	if !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
}

func TestWaitingEndsWithTheProcess(t *testing.T) {
	listener, w := waitingFor(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Await(ctx, listener, w, func(context.Context) (string, error) { cancel(); return "", errGone })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(answer.Status[:3] + " " + string(body))
}

func TestAnotherProcessIsReadyAlsoWhileItDrains(t *testing.T) {
	for said, ready := range map[string]bool{
		`200 {"status":"ready"}`: true, `503 {"status":"draining"}`: true,
		`503 {"status":"not ready","missing":["database"]}`: false, `503 busy`: false, `404 {}`: false,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			status, body, _ := strings.Cut(said, " ")
			code, _ := strconv.Atoi(status)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}))
		if err := ReadyAt(server.URL+"/", http.DefaultClient.Do)(t.Context()); (err == nil) != ready {
			t.Errorf("%s: %v", said, err)
		}
		server.Close()
		if err := ReadyAt(server.URL, http.DefaultClient.Do)(t.Context()); err == nil {
			t.Error("nobody is there, and it is ready")
		}
	}
}
