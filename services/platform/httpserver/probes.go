package httpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	livez  = "/livez"
	readyz = "/readyz"
)

func isProbe(path string) bool { return path == livez || path == readyz }

func exceptProbes(m echo.MiddlewareFunc) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		wrapped := m(next)
		return func(c echo.Context) error {
			if isProbe(c.Path()) {
				return next(c)
			}
			return wrapped(c)
		}
	}
}

// readiness is the answer of the probes.
type readiness struct {
	Status string `json:"status"`
	// Missing names the checks that failed. The reasons are in the log: anybody may ask a probe.
	Missing []string `json:"missing,omitempty"`
}

// live depends on nothing: a process that can answer is alive, and starting it again would not bring
// back a database.
func (s *Server) live(c echo.Context) error {
	return c.JSON(http.StatusOK, readiness{Status: "ok"})
}

// draining is the status of a server that is told to end.
const draining = "draining"

func (s *Server) ready(c echo.Context) error {
	if s.draining.Load() {
		return c.JSON(http.StatusServiceUnavailable, readiness{Status: draining})
	}
	if missing := s.missing(c.Request().Context()); len(missing) > 0 {
		return c.JSON(http.StatusServiceUnavailable, readiness{Status: "not ready", Missing: missing})
	}
	return c.JSON(http.StatusOK, readiness{Status: "ready"})
}

// missing runs all checks at once and names those that failed.
func (s *Server) missing(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var (
		mu      sync.Mutex
		missing []string
		running sync.WaitGroup
	)
	for name, check := range s.o.Ready {
		running.Go(func() {
			err := check(ctx)
			if err == nil {
				return
			}
			s.log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.String("check", name), slog.Any("error", err))
			mu.Lock()
			defer mu.Unlock()
			missing = append(missing, name)
		})
	}
	running.Wait()
	slices.Sort(missing)
	return missing
}

// ReadyAt checks the readiness of another process of the house, by its base URL. An instance that drains counts as
// ready: it still takes requests, and those after them go to another one. Were it not so, a service that is replaced
// would take everybody out of service who asks for its readiness.
func ReadyAt(url string, do func(*http.Request) (*http.Response, error)) Check {
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+readyz, http.NoBody)
		if err != nil {
			return err
		}
		answer, err := do(r)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
		var said readiness
		if err := json.NewDecoder(answer.Body).Decode(&said); err == nil && said.Status == draining {
			return nil
		}
		return fmt.Errorf("it answers %s", answer.Status)
	}
}
