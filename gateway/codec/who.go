package codec

import (
	"math"
	"net/http"
	"slices"
	"strconv"

	"aftercare.dev/gateway/access"
	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// caller is who asks, in the role that lets them.
type caller struct {
	access.Principal
	role string
	// by is how they told who they are: "token" or "session".
	by string
}

// maySee are the roles that see what payloads hold.
var maySee = []contract.Role{contract.Administrator, contract.Operator}

// identify tells who asks, and refuses whoever may not. Somebody known who is refused is returned, too.
func (s *Service) identify(w http.ResponseWriter, r *http.Request) (caller, error) {
	origin := r.Header.Get("Origin")
	if origin != "" && !slices.Contains(s.cfg.Origins, origin) {
		return caller{}, problem.Forbidden(problem.CodeForbidden, "pages of this origin may not ask: it is not in CODEC_ORIGINS")
	}
	token, by := s.tokenOf(r)
	if by == "session" && origin == "" {
		return caller{}, problem.Forbidden(problem.CodeForbidden, "a session counts only in requests of a page, which have an Origin; send a token instead")
	}
	who, err := s.verify(token)
	if err != nil {
		return caller{}, err
	}
	c := caller{Principal: who, by: by}
	if c.role, err = s.permit(who); err != nil {
		return c, err
	}
	if wait := s.limiter.Take(who); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return c, problem.TooManyRequests("more requests than CODEC_REQUESTS_PER_SECOND allows; wait as long as Retry-After says")
	}
	if given := r.Header.Get("X-Namespace"); s.cfg.Namespace != "" && given != s.cfg.Namespace {
		return c, problem.Forbidden(problem.CodeForbidden, "the header X-Namespace must name the namespace of this codec server, TEMPORAL_NAMESPACE")
	}
	return c, nil
}

// tokenOf finds the token of a request, with the header before the cookie.
func (s *Service) tokenOf(r *http.Request) (authorization, by string) {
	if header := r.Header.Get("Authorization"); header != "" {
		return header, "token"
	}
	if cookie, err := r.Cookie(s.cookieName()); err == nil {
		return "Bearer " + cookie.Value, "session"
	}
	return "", ""
}

// verify checks a token that came by whatever way.
func (s *Service) verify(authorization string) (access.Principal, error) {
	return s.tokens.Verify(&http.Request{Header: http.Header{"Authorization": {authorization}}})
}

// permit returns the role that lets somebody see payloads.
func (s *Service) permit(who access.Principal) (string, error) {
	if who.MerchantID != s.cfg.Tenant {
		return "", problem.Forbidden(problem.CodeForbidden, "this token is of another tenant: histories hold the cases of all merchants, so only CODEC_TENANT gets in")
	}
	for _, role := range maySee {
		if slices.Contains(who.Roles, string(role)) {
			return string(role), nil
		}
	}
	return "", problem.Forbidden(problem.CodeForbidden, "none of the roles of this token may do this").With("allowed_roles", maySee)
}

// shared serves the pages of the UI and programs: a page of a known origin may read the answer, a refusal too.
func (s *Service) shared(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); slices.Contains(s.cfg.Origins, origin) {
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Allow-Credentials", "true")
		}
		s.answer(w, r, h)
	})
}

// preflight tells a browser what a page of a known origin may send; what shared did not allow stays forbidden.
func preflight(w http.ResponseWriter, _ *http.Request) error {
	if header := w.Header(); header.Get("Access-Control-Allow-Origin") != "" {
		header.Set("Access-Control-Allow-Methods", http.MethodPost)
		header.Set("Access-Control-Allow-Headers", "Content-Type, X-Namespace, Authorization, Authorization-Extras")
		header.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// own serves this server's own page and nobody else's.
func (s *Service) own(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, func(w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("Origin") != s.cfg.PublicURL {
				return problem.Forbidden(problem.CodeForbidden, "sign in and out on the page at CODEC_PUBLIC_URL, "+s.cfg.PublicURL)
			}
			return h(w, r)
		})
	})
}

// answer runs a handler, and writes its refusal.
func (s *Service) answer(w http.ResponseWriter, r *http.Request, h handler) {
	err := h(w, r)
	if err == nil {
		return
	}
	if problem.HasCode(err, problem.CodeUnauthorized) {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	s.server.WriteProblem(w, r, err)
}
