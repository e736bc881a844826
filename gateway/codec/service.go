// Package codec shows encrypted payloads to those who run the system: the codec server that the Temporal UI and CLI ask to
// decrypt what a history holds, and to encrypt what somebody sends. It asks who wants to know: a token with the role operator
// or administrator, of the tenant of the operators.
//
// A program sends the token with each request. A browser may do the same, where the Temporal UI has a sign-in of its own
// and is set to pass its token on. Else people sign in here, at /, and the browser keeps the token in a cookie that no
// script can read. A cookie counts only in a request whose Origin is known, so no other page can use it.
package codec

import (
	"context"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"time"

	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/httpserver"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/workflows/payload"
)

// maxBody is enough for what one event of a history can hold, in base64: an event is at most 4 MiB.
const maxBody = 8 << 20

// Service is the codec server, ready to run.
type Service struct {
	cfg     Config
	log     *slog.Logger
	server  *httpserver.Server
	tokens  *access.Verifier
	limiter *access.Limiter
	page    *template.Template
}

// New wires the parts.
func New(_ context.Context, cfg Config, log *slog.Logger) (*Service, error) {
	keys, err := payload.ParseKeys(string(cfg.PayloadKeys))
	if err != nil {
		return nil, err
	}
	tokens, err := cfg.Tokens.Verifier(time.Now)
	if err != nil {
		return nil, err
	}
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("read the page of the codec server: %w", err)
	}
	s := &Service{cfg: cfg, log: log, tokens: tokens, limiter: access.NewLimiter(access.Rates{Subject: cfg.RequestsPerSecond}, time.Now), page: page}
	s.server, err = httpserver.New(httpserver.Options{
		Name: "codec", Logger: log, MaxBody: maxBody, DrainDelay: cfg.DrainDelay,
	})
	if err != nil {
		return nil, fmt.Errorf("codec: %w", err)
	}
	s.mount(keys)
	log.Info("the keys of payloads are there", "ids", keys)
	return s, nil
}

func (s *Service) mount(keys payload.Keys) {
	codec := payload.Codec(keys)
	for path, does := range map[string]transform{"/encode": codec.Encode, "/decode": codec.Decode} {
		s.server.Mount(http.MethodPost, path, s.shared(s.handle(path[1:], does)))
		s.server.Mount(http.MethodOptions, path, s.shared(preflight))
	}
	s.server.Mount(http.MethodGet, "/", http.HandlerFunc(s.showPage))
	s.server.Mount(http.MethodPost, "/session", s.own(s.signIn))
	s.server.Mount(http.MethodDelete, "/session", s.own(s.signOut))
}

// Handler is the whole server as a handler, for tests and for serving without [Service.Run].
func (s *Service) Handler() http.Handler { return s.server.Handler() }

// Run serves on the listener until ctx ends, then finishes the requests under way. A Service runs once.
func (s *Service) Run(ctx context.Context, listener net.Listener) error {
	group := process.NewGroup(s.log)
	group.Server("http", func(ctx context.Context) error { return s.server.Run(ctx, listener) })
	return group.Run(ctx)
}
