package chaos

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	notification "aftercare.dev/services/notification/api"
	"aftercare.dev/services/platform/ids"
)

// mood is how a receiver of webhooks behaves.
type mood int

const (
	well mood = iota
	// away closes the connection, failing answers 500, busy asks for a rest, and slow takes its time.
	away
	failing
	busy
	slow
)

func (m mood) String() string { return [...]string{"well", "away", "failing", "busy", "slow"}[m] }

// dawdle is what a slow receiver takes for a message.
const dawdle = 1500 * time.Millisecond

// receiver is where the merchants are told by webhook. It takes no message that is not signed as Standard Webhooks says.
type receiver struct {
	server *http.Server
	url    string
	served chan struct{}

	mu sync.Mutex
	// secrets are by merchant, took by message id, and felt counts what came in a mood since it began.
	secrets map[string]string
	took    map[string]bool
	mood    mood
	felt    int
}

// receive starts a receiver.
func receive(ctx context.Context) (*receiver, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{
		url: "http://" + listener.Addr().String(), served: make(chan struct{}),
		secrets: map[string]string{}, took: map[string]bool{},
	}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(r.served)
		_ = r.server.Serve(listener) // ends with close
	}()
	return r, nil
}

func (r *receiver) close() error {
	err := r.server.Close()
	<-r.served
	return err
}

// subscribe has everything told that happens at a shop.
func (r *receiver) subscribe(ctx context.Context, s shop) error {
	var made notification.WebhookEndpoint
	err := s.people["storefront"].Ask(ctx, http.MethodPost, "/v1/webhook-endpoints", ids.New("key"), map[string]any{"url": r.url + "/" + s.merchant}, &made)
	if err != nil {
		return err
	}
	if made.Secret == nil {
		return errors.New("a new webhook endpoint has no secret")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets[s.merchant] = *made.Secret
	return nil
}

// turn changes the mood, and returns how many messages felt the one before.
func (r *receiver) turn(to mood) (felt int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	felt = r.felt
	r.mood, r.felt = to, 0
	return felt
}

// heard tells whether a message was taken.
func (r *receiver) heard(messageID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.took[messageID]
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	r.mu.Lock()
	secret, now := r.secrets[strings.TrimPrefix(request.URL.Path, "/")], r.mood
	r.felt++
	r.mu.Unlock()
	switch now {
	case away:
		panic(http.ErrAbortHandler)
	case failing:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case busy:
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case slow:
		pass(request.Context(), dawdle)
	case well:
	}
	verifier, _ := standardwebhooks.NewWebhook(secret) // nil for a merchant that nobody knows
	if err != nil || verifier == nil || verifier.Verify(body, request.Header) != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	r.mu.Lock()
	r.took[request.Header.Get("Webhook-Id")] = true
	r.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}
