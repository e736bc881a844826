package httpserver

import (
	"github.com/labstack/echo/v4"

	"aftercare.dev/services/platform/crash"
)

// unanswered has every request pass the crash point between its work and its answer.
func (s *Server) unanswered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		name := c.Request().Method + " " + templateOf(c.Path())
		if op := s.operation(c); op != nil {
			name = op.ID
		}
		c.Response().Before(func() { crash.At(name, crash.BeforeAnswer) })
		return next(c)
	}
}
