package gateway_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// trail is what a request made the gateway ask for, without which id it was about, and how much it answered.
func (e *estate) trail(o contractOp, authorization, ending string) string {
	e.t.Helper()
	e.forget()
	answer := o.ask(e.world, authorization, ending)
	var made []string
	for _, c := range e.calls() {
		made = append(made, fmt.Sprintf("%s %s %v %s", c.method, c.path, c.query, c.body))
	}
	// Calls that are made side by side come in any order.
	slices.Sort(made)
	e.temporal.mu.Lock()
	defer e.temporal.mu.Unlock()
	text := fmt.Sprintf("%d, %d bytes, %d updates, %d signals, %d starts\n%s", answer.status, len(answer.body),
		len(e.temporal.updates), len(e.temporal.signals), len(e.temporal.starts), strings.Join(made, "\n"))
	return strings.ReplaceAll(text, notThere, there)
}

// What the services do then is compared statement by statement where their stores are tested.
func TestWhatIsSomebodyElsesTakesWhatItTakesToFindNothing(t *testing.T) {
	e, tried := newEstate(t), 0
	for _, o := range contractOps(t) {
		if !o.target && !o.batch {
			continue
		}
		for _, role := range permitted(o.id) {
			outsiders := []string{e.bearer(owner, "m2", role)}
			if role == "buyer" {
				outsiders = append(outsiders, e.bearer(stranger, merchant, role))
			}
			for _, outsider := range outsiders {
				foreign, never := e.trail(o, outsider, there), e.trail(o, outsider, notThere)
				require.Equal(t, never, foreign, "%s by a %s", o.id, role)
				tried++
			}
		}
	}
	require.NotZero(t, tried)
	t.Logf("%d pairs of operation and outsider", tried)
}

// everything is a log that keeps all of what it is told, at every level.
type everything struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *everything) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *everything) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestATokenIsInNoLogAndGoesNowhere(t *testing.T) {
	log := &everything{}
	e := furnished(t, newWorldThatLogs(t, slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, o := range contractOps(t) {
		for _, role := range append(permitted(o.id), "nobody") {
			for _, kind := range []string{"good", "bad"} {
				e.forget()
				header := e.bearer(owner, merchant, role)
				secret := header[strings.LastIndex(header, ".")+1:]
				if kind == "bad" {
					header = header[:len(header)-len(secret)] + strings.ToLower(secret)
					secret = strings.ToLower(secret)
				}
				answer := o.ask(e.world, header, there)
				require.NotContains(t, answer.body, secret, "%s repeats the token", o.id)
				require.NotContains(t, fmt.Sprint(answer.header), secret, "%s repeats the token", o.id)
				for _, c := range e.calls() {
					require.NotContains(t, fmt.Sprint(c), secret, "%s hands the token on", o.id)
					require.Equal(t, "Bearer between-us", c.header.Get("Authorization"))
				}
				require.NotContains(t, fmt.Sprint(e.temporal.inputs, e.temporal.updates, e.temporal.signals), secret, "%s hands the token on", o.id)
				require.NotContains(t, log.String(), secret, "%s writes the token down", o.id)
			}
		}
	}
	require.NotEmpty(t, log.String())
	require.NotContains(t, log.String(), "between-us")
	require.NotContains(t, log.String(), "Bearer")
}

func TestATokenInAURLIsNoTokenAndIsNotWrittenDown(t *testing.T) {
	log := &everything{}
	w := newWorldThatLogs(t, slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	token := w.token(owner, "buyer")
	for _, path := range []string{"/v1/cases/case_1", "/v1/cases/case_1/events", "/v1/nothing/at/all"} {
		for _, name := range []string{"access_token", "token", "authorization", "jwt"} {
			answer := w.ask("", http.MethodGet, path+"?"+name+"="+token, "")
			require.Contains(t, []int{http.StatusUnauthorized, http.StatusNotFound}, answer.status, path)
			require.NotContains(t, answer.body, token)
		}
	}
	require.NotEmpty(t, log.String())
	require.NotContains(t, log.String(), token[strings.LastIndex(token, ".")+1:])
}
