package httpserver

import (
	"github.com/labstack/echo/v4"

	"aftercare.dev/services/platform/problem"
)

// bound refuses a request when as many as there may be are under way. Streams are not counted, since most of their life
// they wait, and neither is what is not in the contract: probes, and handlers that were mounted.
func (s *Server) bound(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if op := s.operation(c); op == nil || op.streams {
			return next(c)
		}
		if s.inFlight.Add(1) > int64(s.o.MaxInFlight) {
			s.inFlight.Add(-1)
			// What is under way is done in a moment, mostly.
			c.Response().Header().Set(echo.HeaderRetryAfter, "1")
			return problem.TooManyRequests("more requests are under way than this process takes at once; try again in a moment")
		}
		defer s.inFlight.Add(-1)
		return next(c)
	}
}
