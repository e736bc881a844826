package crashpoints

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// listener is the receiver of the shop's webhooks, which drops what it has seen, as receivers do.
type listener struct {
	url    string
	server *http.Server

	mu sync.Mutex
	// closed has the ids of the messages that told the end of a case.
	closed map[string]map[string]bool
}

func listen(ctx context.Context) (*listener, error) {
	at, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &listener{url: "http://" + at.Addr().String(), closed: map[string]map[string]bool{}}
	l.server = &http.Server{Handler: l, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = l.server.Serve(at) }()
	return l, nil
}

func (l *listener) close() error { return l.server.Close() }

// ServeHTTP implements [http.Handler].
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var message struct {
		Type string `json:"type"`
		Data struct {
			CaseID string `json:"case_id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&message); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if message.Type == "case.closed" {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.closed[message.Data.CaseID] == nil {
			l.closed[message.Data.CaseID] = map[string]bool{}
		}
		l.closed[message.Data.CaseID][r.Header.Get("Webhook-Id")] = true
	}
	w.WriteHeader(http.StatusNoContent)
}

// told are the messages that told the end of a case. There should be one, however often it came.
func (l *listener) told(caseID string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.closed[caseID]))
}

// await waits until the end of a case was told, or ctx ends.
func (l *listener) await(ctx context.Context, caseID string) {
	for len(l.told(caseID)) == 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(looking):
		}
	}
}
