// Package httpserver turns a generated API into a process's HTTP server, with everything that is the
// same for all of them: problems, validation against the contract, authentication, logs, traces,
// limits, probes and draining. It is the only written code that knows Echo.
//
//	spec, err := api.GetSpec()
//	...
//	server, err := httpserver.New(httpserver.Options{
//		Name: "payment", Logger: log, ServiceToken: cfg.Token, Spec: spec,
//		Ready: map[string]httpserver.Check{"database": database.Ping(db)},
//		Register: func(r httpserver.Router) {
//			api.RegisterHandlers(r, api.NewStrictHandler(handlers, nil))
//		},
//	})
//	...
//	err = server.Run(ctx, listener)
//
// A handler returns a [*problem.Error], wrapped or not, to refuse; any other error is logged and
// answered as "internal".
package httpserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"aftercare.dev/services/platform/callers"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/crash"
	"aftercare.dev/services/platform/problem"
)

// Router is what generated code registers its handlers with.
type Router = *echo.Echo

// Check tells whether something that the process needs is there.
type Check = func(ctx context.Context) error

// Options says what a [Server] serves. Only Name is required.
type Options struct {
	// Name of the process, for traces and metrics.
	Name string
	// Logger takes the access log and failures. The default is [slog.Default].
	Logger *slog.Logger
	// Register adds the generated handlers.
	Register func(Router)

	// Spec is the contract: every request that matches one of its operations is validated against it
	// before the handler runs. Without it nothing is validated.
	Spec *openapi3.T
	// Unvalidated names operations, by id, whose requests are not validated.
	Unvalidated []string
	// Streams names operations, by id, whose answers may take for ever, such as server-sent events:
	// they have no deadline, and their context ends when the server begins to drain.
	Streams []string

	// ServiceToken, if set, must come as the bearer token of every request but the probes.
	ServiceToken config.Secret
	// Callers, if not empty, count in place of ServiceToken: the bearer token says which of them asks.
	Callers callers.List
	// MayCall is what each of Callers may do.
	MayCall callers.Table
	// Authorize is called for every operation of Spec, after routing and before validation. The
	// context that it returns becomes the request's; an error refuses the request.
	Authorize func(ctx context.Context, op Operation, r *http.Request) (context.Context, error)
	// Middleware wraps every request but the probes, the first one outermost. It runs inside the
	// access log.
	Middleware []func(http.Handler) http.Handler

	// Ready has the checks of /readyz by name.
	Ready map[string]Check
	// Catalogs has further titles of problems, see [problem.NewRenderer].
	Catalogs []fs.FS

	// MaxBody is the largest body of a request in bytes. The default is 1 MiB.
	MaxBody int64
	// MaxBodyOf has other limits for single operations, by id.
	MaxBodyOf map[string]int64
	// MaxInFlight is how many requests of the contract are worked on at once, streams not counted; one more is refused
	// with 429. The default is 4096.
	MaxInFlight int
	// Timeout bounds a request: its context ends then. The default is 30 s.
	Timeout time.Duration
	// DrainDelay is how long the server still takes new requests after /readyz has turned red, so that
	// load balancers notice. The default is none.
	DrainDelay time.Duration
	// DrainTimeout is how long requests under way may take when the server stops. The default is 20 s.
	DrainTimeout time.Duration
}

// Operation is an operation of the contract that a request asks for.
type Operation struct {
	// ID is the operationId.
	ID string
	// Method and Path are those of the contract: "GET", "/v1/cases/{case_id}".
	Method, Path string
	// Params are the path parameters by name, decoded.
	Params map[string]string
	// Security tells whether the contract asks for authentication.
	Security bool
}

// Server serves one API. Make it with [New].
type Server struct {
	o        Options
	log      *slog.Logger
	echo     *echo.Echo
	problems *problem.Renderer
	ops      map[string]*operation // by Echo's method and path

	draining atomic.Bool
	inFlight atomic.Int64
	// ending is closed when streams have to end.
	ending  chan struct{}
	endOnce sync.Once
}

// New prepares a server; it fails only on a contract or catalog that is wrong in itself.
func New(o Options) (*Server, error) {
	o.MaxBody = cmp.Or(o.MaxBody, 1<<20)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 4096)
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 20*time.Second)

	problems, err := problem.NewRenderer(o.Catalogs...)
	if err != nil {
		return nil, err
	}
	ops, err := operationsOf(o)
	if err != nil {
		return nil, err
	}
	s := &Server{
		o: o, log: cmp.Or(o.Logger, slog.Default()), echo: echo.New(),
		problems: problems, ops: ops, ending: make(chan struct{}),
	}

	e := s.echo
	e.HideBanner, e.HidePort = true, true
	// The caller is who connects; headers that claim otherwise are anybody's.
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = s.handleError
	e.Use(s.observe, s.recoverPanic, s.guard, s.bound)
	for _, m := range o.Middleware {
		e.Use(exceptProbes(echo.WrapMiddleware(m)))
	}
	e.Use(s.authenticate, s.identify, s.authorize, s.validate)
	if crash.Enabled {
		e.Use(exceptProbes(s.unanswered))
	}
	e.GET(livez, s.live)
	e.GET(readyz, s.ready)
	if o.Register != nil {
		o.Register(e)
	}
	return s, nil
}

// Mount serves a plain handler beside the API. The path is in Echo's form: "/callbacks/:provider" or
// "/docs/*"; the handler finds ":provider" with r.PathValue("provider"). The body limit and the service
// token apply, the contract does not. Mount only before the server runs.
func (s *Server) Mount(method, path string, h http.Handler) {
	s.echo.Add(method, path, func(c echo.Context) error {
		for i, name := range c.ParamNames() {
			c.Request().SetPathValue(name, c.ParamValues()[i])
		}
		h.ServeHTTP(c.Response(), c.Request())
		return nil
	})
}

// WriteProblem answers with the problem that err is or means, for handlers that were mounted and for
// middleware.
func (s *Server) WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	s.logFailure(r, problem.From(err))
	if err := s.problems.Write(w, err, occasionOf(r)); err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelDebug, "problem not delivered", slog.Any("error", err))
	}
}

// Handler returns the whole server as a handler, for tests and for serving without [Server.Run].
func (s *Server) Handler() http.Handler {
	return otelhttp.NewHandler(s.echo, s.o.Name,
		otelhttp.WithFilter(func(r *http.Request) bool { return !isProbe(r.URL.Path) }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			// Before routing there is no pattern, and a path with ids is no name.
			return cmp.Or(r.Pattern, r.Method)
		}),
	)
}

// leaving ends each connection with its answer once the server drains: a client that is told sends its next request to
// somebody else, and not into a connection that is closed at that moment.
func (s *Server) leaving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// Run serves until ctx ends and then drains: /readyz turns red, streams end, no new connection is
// taken, and requests under way get DrainTimeout. It closes the listener and returns nil after an
// orderly end.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.leaving(s.Handler()),
		// A client that trickles its request does not hold a connection for long.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       s.o.Timeout + 5*time.Second,
		WriteTimeout:      s.o.Timeout + 10*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	s.log.LogAttrs(ctx, slog.LevelInfo, "listening", slog.String("listen", listener.Addr().String()))

	select {
	case err := <-failed:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	if s.o.DrainDelay > 0 {
		select {
		case <-time.After(s.o.DrainDelay):
		case err := <-failed:
			return fmt.Errorf("serve http: %w", err)
		}
	}
	s.endOnce.Do(func() { close(s.ending) })
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.DrainTimeout)
	defer cancel()
	if err := server.Shutdown(draining); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off after %s: %w", s.o.DrainTimeout, err), server.Close())
	}
	return nil
}
