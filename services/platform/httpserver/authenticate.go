package httpserver

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/labstack/echo/v4"

	"aftercare.dev/services/platform/problem"
)

// authenticate lets processes of the house in: those that Callers names, or any that has the shared token.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	switch {
	case !s.o.Callers.Empty():
		return exceptProbes(s.admit)(next)
	case s.o.ServiceToken != "":
		return exceptProbes(s.share)(next)
	}
	return next
}

// share compares hashes, so that neither content nor length of the token shows in the time.
func (s *Server) share(next echo.HandlerFunc) echo.HandlerFunc {
	expected := sha256.Sum256([]byte(s.o.ServiceToken))
	return func(c echo.Context) error {
		given := sha256.Sum256([]byte(bearerOf(c)))
		if subtle.ConstantTimeCompare(given[:], expected[:]) != 1 {
			return challenge(c, "the service token is missing or wrong")
		}
		return next(c)
	}
}

// callerKey is where the name of the caller is kept, for the access log.
const callerKey = "caller"

// admit finds out who asks, and refuses what the table does not give to that caller.
func (s *Server) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		who := s.o.Callers.Who(bearerOf(c))
		if len(who) == 0 {
			return challenge(c, "the token is of no caller that SERVICE_CALLERS names")
		}
		c.Set(callerKey, who[0])
		op := s.operation(c)
		if op == nil {
			return next(c) // answered by the router, or by what was mounted beside the contract
		}
		name, permitted := s.o.MayCall.Permitted(op.ID, who)
		if !permitted {
			return problem.Forbidden(problem.CodeForbidden, strings.Join(who, ", ")+" may not do "+op.ID+" here")
		}
		c.Set(callerKey, name)
		return next(c)
	}
}

func challenge(c echo.Context, detail string) error {
	c.Response().Header().Set(echo.HeaderWWWAuthenticate, "Bearer")
	return problem.Unauthorized(detail)
}

// bearerOf is the bearer token of the request, or "".
func bearerOf(c echo.Context) string {
	scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

func callerOf(c echo.Context) string {
	name, _ := c.Get(callerKey).(string)
	return name
}
