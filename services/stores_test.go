package services_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// method is an exported method of a store.
type method struct {
	name   string
	params []string // names
	types  []string // of the parameters, as they are written
	marked bool     // its body says database.AcrossMerchants
}

// methodsOf reads the source of a store.
func methodsOf(t *testing.T, service string) []method {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(service, "store", "*.go"))
	require.NoError(t, err)
	var methods []method
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		require.NoError(t, err)
		for _, declared := range file.Decls {
			f, ok := declared.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() {
				continue
			}
			text := func(n ast.Node) string { return string(source[n.Pos()-file.FileStart : n.End()-file.FileStart]) }
			if text(f.Recv.List[0].Type) != "*Store" {
				continue
			}
			m := method{name: f.Name.Name, marked: strings.Contains(text(f.Body), "database.AcrossMerchants(")}
			for _, p := range f.Type.Params.List {
				for _, n := range p.Names {
					m.params, m.types = append(m.params, n.Name), append(m.types, text(p.Type))
				}
			}
			methods = append(methods, m)
		}
	}
	require.NotEmpty(t, methods, service)
	return methods
}

// takesARecord tells whether the method is given something of the house's own, which knows its merchant, beyond values such
// as ids and times.
func (m method) takesARecord() bool {
	plain := []string{"context.Context", "string", "[]string", "int", "int64", "bool", "float64", "time.Time", "time.Duration", "[]domain.Channel"}
	return slices.ContainsFunc(m.types, func(kind string) bool {
		return !slices.Contains(plain, kind) && !strings.HasPrefix(kind, "func(")
	})
}

// readByAPerson tells whether the method reads one record on behalf of a buyer, or what was sent to a person. One that is about
// a buyer as a whole, such as an export, is for the house.
func (m method) readByAPerson() bool {
	other := func(name string) bool {
		return strings.HasSuffix(name, "ID") && name != "merchantID" && name != "buyerID"
	}
	return slices.Contains(m.params, "recipientID") || slices.Contains(m.params, "buyerID") && slices.ContainsFunc(m.params, other)
}

func storesOf(t *testing.T) []string {
	t.Helper()
	found, err := fs.Glob(os.DirFS("."), "*/store")
	require.NoError(t, err)
	require.Len(t, found, 5)
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

// What a method really asks of the database is checked statement by statement where stores are tested, see databasetest.
func TestEveryStoreMethodIsAboutOneMerchantOrSaysThatItIsNot(t *testing.T) {
	for _, service := range storesOf(t) {
		for _, m := range methodsOf(t, service) {
			if !slices.Contains(m.params, "merchantID") && !m.takesARecord() && !m.marked {
				t.Errorf("%s: Store.%s takes no merchant and has no mark database.AcrossMerchants", service, m.name)
			}
		}
	}
}

func TestEveryReadByAPersonIsTriedAsSomebodyElse(t *testing.T) {
	for _, service := range storesOf(t) {
		for _, m := range methodsOf(t, service) {
			if !m.readByAPerson() {
				continue
			}
			source, err := os.ReadFile(filepath.Join(service, "store", "owners_test.go"))
			require.NoError(t, err, "%s has reads by a person; try them in store/owners_test.go with databasetest.Confined", service)
			require.Contains(t, string(source), "s."+m.name+"(", "%s: try Store.%s with databasetest.Confined", service, m.name)
		}
	}
}
