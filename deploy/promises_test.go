package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = ".."

// reference is a test by its folder and name, as in `deploy/e2e TestX` or `gateway/access FuzzY`.
var reference = regexp.MustCompile("`([a-z0-9/_-]+) ((?:Test|Fuzz)[A-Za-z0-9_]+)`")

// invariants are those that the product is about: what may never happen to money, cases and people's data.
var invariants = []string{"M1", "M2", "M3", "M4", "P1", "P2", "P3", "X1", "X2"}

func TestEveryPromiseNamesATestThatExists(t *testing.T) {
	promises := promisesOf(t)
	require.NotEmpty(t, promises)
	known := map[string]map[string]bool{}
	for _, p := range promises {
		tests := reference.FindAllStringSubmatch(p.tests, -1)
		assert.NotEmpty(t, tests, "no test stands behind: %s", p.says)
		for _, test := range tests {
			folder, name := test[1], test[2]
			if known[folder] == nil {
				known[folder] = testsIn(t, filepath.Join(root, filepath.FromSlash(folder)))
			}
			assert.True(t, known[folder][name], "%s names %s, which is not in %s", p.says, name, folder)
		}
	}
}

func TestEveryInvariantIsPromised(t *testing.T) {
	said := map[string]bool{}
	for _, p := range promisesOf(t) {
		said[p.id] = true
	}
	for _, id := range invariants {
		assert.True(t, said[id], "docs/promises.md does not promise %s", id)
	}
}

type promise struct{ id, says, tests string }

// promisesOf reads the rows of the tables: id, promise, tests.
func promisesOf(t *testing.T) []promise {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "docs", "promises.md"))
	require.NoError(t, err)
	var promises []promise
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") || strings.TrimSpace(cells[0]) == "id" {
			continue
		}
		require.Len(t, cells, 3, "a row has an id, a promise and its tests: %s", line)
		promises = append(promises, promise{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), cells[2]})
	}
	return promises
}

func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "%s has no tests", folder)
	names := map[string]bool{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declared := range parsed.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
