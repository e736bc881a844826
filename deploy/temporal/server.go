// Package temporal runs a Temporal server with its Web UI inside this process: the four services of a
// Temporal cluster over one SQLite file. It is what makes Aftercare a single program on a laptop or a
// small machine. A cluster in production is the same contract at another address.
package temporal

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// startTimeout bounds the wait for the frontend and the UI to answer.
const startTimeout = 30 * time.Second

// Server is a running Temporal server.
type Server struct {
	cfg Config
	db  *config.SQL
	at  listen

	server temporal.Server
	ui     *uiserver.Server

	quiet    atomic.Bool
	building atomic.Bool
	stopOnce sync.Once
	endOnce  sync.Once
	done     chan struct{}
	err      error // why the server ended; set before done is closed
}

// Start runs the server and returns when the frontend answers and, unless it is bare, the namespace with
// its search attributes exists. The context is for the start only. A port in use is a *PortTakenError.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	db, err := cfg.sqlConfig()
	if err != nil {
		return nil, err
	}
	at, err := reserve(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, cfg, db); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, db: db, at: at, done: make(chan struct{})}
	if err := s.start(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// prepare makes the database ready for the server.
func prepare(ctx context.Context, cfg Config, db *config.SQL) error {
	if !cfg.InMemory {
		if err := createSchema(db); err != nil {
			return err
		}
	}
	if cfg.Bare {
		return nil
	}
	return ensureNamespace(ctx, cfg, db)
}

func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	log := newLogger(s.cfg.Logger, &s.quiet, s.die)
	if err := s.startServices(log); err != nil {
		return err
	}
	if err := s.awaitNamespace(ctx); err != nil {
		return err
	}
	if !s.at.ui.IsValid() {
		return nil
	}
	ui, err := startUI(ctx, s.cfg, s.at)
	s.ui = ui
	return err
}

// startServices builds and starts the four services. It does so in a goroutine of its own, which die may end.
func (s *Server) startServices(log *logger) error {
	var err error
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		if s.server, err = s.newServer(log); err == nil {
			err = s.server.Start()
		}
	}()
	<-finished
	select {
	case <-s.done:
		return s.err
	default:
	}
	if err != nil {
		return fmt.Errorf("temporal: cannot start: %w", err)
	}
	return nil
}

// newServer wires the services together and binds their ports.
func (s *Server) newServer(log *logger) (_ temporal.Server, err error) {
	s.building.Store(true)
	defer s.building.Store(false)
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case fatal:
			err = reason.error
		default:
			panic(reason)
		}
	}()
	return temporal.NewServer(
		temporal.WithConfig(serverConfig(s.db, s.at)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts(s.at)),
		temporal.WithDynamicConfigClient(dynamicConfig()),
		temporal.WithLogger(log),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
	)
}

// fatal is what die panics with.
type fatal struct{ error }

// die is called where the server cannot go on, and does not return. The constructors of the server do not stand
// the end of their goroutine, so while they run it is a panic for newServer to recover; later it is the end of
// the goroutine and of the server, of which Wait tells.
func (s *Server) die(reason error) {
	if s.building.Load() {
		panic(fatal{reason})
	}
	s.end(fmt.Errorf("temporal: %w", reason))
	runtime.Goexit()
}

// awaitNamespace waits until the frontend is healthy and knows the namespace.
func (s *Server) awaitNamespace(ctx context.Context) error {
	conn, err := grpc.NewClient(s.FrontendAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("temporal: %w", err)
	}
	defer conn.Close()
	err = waitUntil(ctx, func(ctx context.Context) error {
		health, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{
			Service: workflowservice.WorkflowService_ServiceDesc.ServiceName,
		})
		if err != nil {
			return err
		}
		if health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			return fmt.Errorf("the frontend is %s", health.GetStatus())
		}
		if s.cfg.Bare {
			return nil
		}
		_, err = workflowservice.NewWorkflowServiceClient(conn).DescribeNamespace(ctx,
			&workflowservice.DescribeNamespaceRequest{Namespace: s.cfg.Namespace})
		return err
	})
	if err != nil {
		return fmt.Errorf("temporal: the server does not answer: %w", err)
	}
	return nil
}

// waitUntil calls check until it succeeds, or returns its last error when the context ends.
func waitUntil(ctx context.Context, check func(context.Context) error) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
	}
}

// FrontendAddr is the host:port for clients and workers in this machine.
func (s *Server) FrontendAddr() string { return dialable(s.at.frontend).String() }

// UIAddr is the host:port of the Web UI, or empty if there is none.
func (s *Server) UIAddr() string {
	if !s.at.ui.IsValid() {
		return ""
	}
	return dialable(s.at.ui).String()
}

// Namespace is the namespace that Start made sure of.
func (s *Server) Namespace() string { return s.cfg.Namespace }

// Done is closed when the server has ended: after Stop, or because it cannot go on.
func (s *Server) Done() <-chan struct{} { return s.done }

// Wait returns when the server has ended: nil after Stop, else the reason.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Stop ends the UI, then the server. Open workflows go on at the next start. It may be called again.
func (s *Server) Stop() {
	s.stopOnce.Do(s.stop)
}

func (s *Server) stop() {
	s.quiet.Store(true)
	if s.ui != nil {
		s.ui.Stop()
	}
	if s.server != nil {
		_ = s.server.Stop()
	}
	if !s.cfg.InMemory {
		_ = checkpoint(s.db)
	}
	s.end(nil)
}

// end records why the server ended. The first reason counts.
func (s *Server) end(reason error) {
	s.endOnce.Do(func() {
		s.err = reason
		close(s.done)
	})
}
