package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
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
)

// tables are what the services let their callers do.
func tables() map[string]callers.Table {
	return map[string]callers.Table{
		"order": order.Callers(), "logistics": logistics.Callers(), "payment": payment.Callers(), "cases": cases.Callers(),
		"notification": notification.Callers(),
	}
}

// operationsOf are the services that have an operation of a name, by that name.
func operationsOf(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for service, read := range map[string]func() (*openapi3.T, error){
		"order": orderapi.GetSpec, "logistics": logisticsapi.GetSpec, "payment": paymentapi.GetSpec, "cases": casesapi.GetSpec,
		"notification": notificationapi.GetSpec,
	} {
		spec, err := read()
		require.NoError(t, err)
		for _, item := range spec.Paths.Map() {
			for _, o := range item.Operations() {
				id := strings.ToLower(o.OperationID[:1]) + o.OperationID[1:]
				found[id] = append(found[id], service)
			}
		}
	}
	return found
}

// sources are where the code of each caller is.
var sources = map[string][]string{
	callers.Gateway: {"gateway"}, callers.Worker: {"activities", "workflows"}, callers.Order: {"services/order"},
	callers.Logistics: {"services/logistics"}, callers.Payment: {"services/payment"}, callers.Cases: {"services/cases"},
	callers.Notification: {"services/notification"},
}

var clientCall = regexp.MustCompile(`^([A-Z]\w*?)(WithBody)?WithResponse$`)

// made are the calls in the source of a caller, as service and operation.
func made(t *testing.T, folder string, operations map[string][]string) map[[2]string]bool {
	t.Helper()
	found := map[[2]string]bool{}
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".gen.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			called := clientCall.FindStringSubmatch(selector.Sel.Name)
			if called == nil {
				return true
			}
			id := strings.ToLower(called[1][:1]) + called[1][1:]
			require.NotEmpty(t, operations[id], "%s calls %s, which no service has", path, id)
			found[[2]string{serviceOf(t, path, file, selector, operations[id]), id}] = true
			return true
		})
		return nil
	})
	require.NoError(t, err)
	return found
}

// serviceOf is the service that a call is for: the only one that has the operation, or else the one that the expression or
// the imports name.
func serviceOf(t *testing.T, path string, file *ast.File, selector *ast.SelectorExpr, candidates []string) string {
	t.Helper()
	if len(candidates) == 1 {
		return candidates[0]
	}
	if through, ok := selector.X.(*ast.SelectorExpr); ok && slices.Contains(candidates, strings.ToLower(through.Sel.Name)) {
		return strings.ToLower(through.Sel.Name)
	}
	var imported []string
	for _, i := range file.Imports {
		for _, service := range candidates {
			if i.Path.Value == `"aftercare.dev/services/`+service+`/api"` {
				imported = append(imported, service)
			}
		}
	}
	require.Len(t, imported, 1, "%s: whose %s is called?", path, selector.Sel.Name)
	return imported[0]
}

func TestACallerMayDoInAServiceWhatItDoesThereAndNoMore(t *testing.T) {
	operations, services := operationsOf(t), tables()
	require.ElementsMatch(t, callers.Names(), slices.Collect(maps.Keys(sources)))
	for caller, folders := range sources {
		calls := map[[2]string]bool{}
		for _, folder := range folders {
			maps.Copy(calls, made(t, folder, operations))
		}
		for call := range calls {
			if !slices.Contains(services[call[0]][call[1]], caller) {
				t.Errorf("%s calls %s of %s, and services/%s/callers.go does not let it", caller, call[1], call[0], call[0])
			}
		}
		for service, table := range services {
			for id, permitted := range table {
				if slices.Contains(permitted, caller) && !calls[[2]string{service, id}] {
					t.Errorf("services/%s/callers.go lets %s do %s, which it never does", service, caller, id)
				}
			}
		}
	}
}
