package services_test

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"aftercare.dev/services/cases"
	casesapi "aftercare.dev/services/cases/api"
	"aftercare.dev/services/logistics"
	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/services/notification"
	notificationapi "aftercare.dev/services/notification/api"
	"aftercare.dev/services/order"
	orderapi "aftercare.dev/services/order/api"
	"aftercare.dev/services/payment"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/services/platform/callers"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/httpserver"
)

// served are the contract of a service and its table of callers.
type served struct {
	spec     func() (*openapi3.T, error)
	table    callers.Table
	register func(httpserver.Router)
}

func everyService() map[string]served {
	return map[string]served{
		"order": {orderapi.GetSpec, order.Callers(), func(r httpserver.Router) {
			orderapi.RegisterHandlers(r, orderapi.NewStrictHandler(nil, nil))
		}},
		"logistics": {logisticsapi.GetSpec, logistics.Callers(), func(r httpserver.Router) {
			logisticsapi.RegisterHandlers(r, logisticsapi.NewStrictHandler(nil, nil))
		}},
		"payment": {paymentapi.GetSpec, payment.Callers(), func(r httpserver.Router) {
			paymentapi.RegisterHandlers(r, paymentapi.NewStrictHandler(nil, nil))
		}},
		"cases": {casesapi.GetSpec, cases.Callers(), func(r httpserver.Router) {
			casesapi.RegisterHandlers(r, casesapi.NewStrictHandler(nil, nil))
		}},
		"notification": {notificationapi.GetSpec, notification.Callers(), func(r httpserver.Router) {
			notificationapi.RegisterHandlers(r, notificationapi.NewStrictHandler(nil, nil))
		}},
	}
}

// idsOf are the operations of a contract.
func (s served) idsOf(t *testing.T) []string {
	t.Helper()
	spec, err := s.spec()
	require.NoError(t, err)
	var ids []string
	for _, item := range spec.Paths.Map() {
		for _, o := range item.Operations() {
			ids = append(ids, strings.ToLower(o.OperationID[:1])+o.OperationID[1:])
		}
	}
	return ids
}

func TestEveryOperationOfAServiceHasARowOfCallersAndNoRowIsStale(t *testing.T) {
	for name, service := range everyService() {
		known := service.idsOf(t)
		for _, id := range known {
			require.Contains(t, service.table, id, "%s: say in %s/callers.go who of the house may %s", name, name, id)
		}
		for id, who := range service.table {
			require.Contains(t, known, id, "%s/callers.go has a row of no operation", name)
			require.Subset(t, callers.Names(), who, "%s: %s", name, id)
			require.NotContains(t, who, name, "%s calls itself: %s", name, id)
		}
	}
}

// guarded is a server of the service's contract behind its table, with the token "TOKEN-" and its name for each caller.
// What it lets through reaches no handler.
func (s served) guarded(t *testing.T, log slog.Handler) http.Handler {
	t.Helper()
	var entries []string
	for _, name := range callers.Names() {
		entries = append(entries, callers.Entry(name, "TOKEN-"+name))
	}
	type settings struct {
		Callers callers.List `env:"SERVICE_CALLERS"`
	}
	cfg, err := config.Load[settings]("", []string{"SERVICE_CALLERS=" + strings.Join(entries, ",")})
	require.NoError(t, err)
	spec, err := s.spec()
	require.NoError(t, err)
	server, err := httpserver.New(httpserver.Options{
		Name: "guarded", Logger: slog.New(log), Spec: spec, Register: s.register,
		ServiceToken: "TOKEN-shared", Callers: cfg.Callers, MayCall: s.table,
	})
	require.NoError(t, err)
	return server.Handler()
}

var inBraces = regexp.MustCompile(`\{[^}]*\}`)

func TestACallerMayDoWhatItsTableSaysAndNothingElse(t *testing.T) {
	var log bytes.Buffer
	tried := 0
	for name, service := range everyService() {
		handler := service.guarded(t, slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		spec, err := service.spec()
		require.NoError(t, err)
		for path, item := range spec.Paths.Map() {
			for method, o := range item.Operations() {
				id := strings.ToLower(o.OperationID[:1]) + o.OperationID[1:]
				ask := func(authorization string) int {
					r := httptest.NewRequestWithContext(t.Context(), method, inBraces.ReplaceAllString(path, "x_1"), http.NoBody)
					if authorization != "" {
						r.Header.Set("Authorization", authorization)
					}
					out := httptest.NewRecorder()
					handler.ServeHTTP(out, r)
					tried++
					return out.Code
				}
				for _, stranger := range []string{"", "Bearer ", "Bearer TOKEN-shared", "Bearer TOKEN-nobody", "Basic TOKEN-gateway", "Bearer TOKEN-gatewa", "TOKEN-gateway"} {
					require.Equal(t, http.StatusUnauthorized, ask(stranger), "%s: %s by %q", name, id, stranger)
				}
				for _, caller := range callers.Names() {
					status := ask("Bearer TOKEN-" + caller)
					require.NotEqual(t, http.StatusUnauthorized, status, "%s: %s by %s", name, id, caller)
					require.Equal(t, slices.Contains(service.table[id], caller), status != http.StatusForbidden, "%s: %s by %s is answered %d", name, id, caller, status)
				}
			}
		}
	}
	require.Contains(t, log.String(), `"caller":"gateway"`)
	require.NotContains(t, log.String(), "TOKEN-", "a token is written down")
	t.Logf("%d requests", tried)
}

var update = flag.Bool("update", false, "write the tables into the docs")

// inDocs is a table of all services: who may do what.
func inDocs() string {
	var b strings.Builder
	b.WriteString("| service | operation | callers |\n| --- | --- | --- |\n")
	services := everyService()
	for _, name := range []string{"order", "logistics", "payment", "cases", "notification"} {
		for _, id := range slices.Sorted(maps.Keys(services[name].table)) {
			who := "nobody"
			if permitted := services[name].table[id]; len(permitted) > 0 {
				who = strings.Join(permitted, ", ")
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s |\n", name, id, who)
		}
	}
	return b.String()
}

func TestTheTablesInTheDocsAreThoseThatCount(t *testing.T) {
	const page, begin, end = "../docs/access.md", "<!-- callers: written by `go test ./services -run TestTheTablesInTheDocs -update` -->\n", "<!-- end of callers -->"
	content, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, begun := strings.Cut(string(content), begin)
	written, after, ended := strings.Cut(rest, end)
	require.True(t, begun && ended, "docs/access.md has no place for the tables")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+begin+inDocs()+end+after), 0o600))
		return
	}
	require.Equal(t, inDocs(), written, "docs/access.md has other tables; write them with -update")
}
