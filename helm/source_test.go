package helm_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// house is what the import paths of the repository begin with; the rest of a path is its folder.
const house = "aftercare.dev/"

// source reads settings out of the source of the programs. Compiling them into this test would mean to compile databases
// and servers with the versions of modules that Helm wants.
type source struct {
	packages map[string][]*ast.File
}

func newSource() *source { return &source{packages: map[string][]*ast.File{}} }

// setting is an environment variable of a program.
type setting struct{ required bool }

// ofCommand are the variables of everything that the command loads by config.Load, by the full name.
func (s *source) ofCommand(t *testing.T, command string) map[string]setting {
	t.Helper()
	found := map[string]setting{}
	for _, file := range s.files(t, command) {
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			load, ok := call.Fun.(*ast.IndexExpr)
			if !ok || !isSelector(load.X, "config", "Load") {
				return true
			}
			prefix, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			s.ofType(t, command, file, load.Index, prefix, found)
			return true
		})
	}
	return found
}

func isSelector(expression ast.Expr, pkg, name string) bool {
	selector, ok := expression.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	of, ok := selector.X.(*ast.Ident)
	return ok && of.Name == pkg
}

// ofType collects the variables of a struct type that is named in a file of a package.
func (s *source) ofType(t *testing.T, pkg string, file *ast.File, expression ast.Expr, prefix string, found map[string]setting) {
	t.Helper()
	switch e := expression.(type) {
	case *ast.StructType:
		s.ofStruct(t, pkg, file, e, prefix, found)
	case *ast.Ident:
		for _, other := range s.files(t, pkg) {
			if spec := typeSpec(other, e.Name); spec != nil {
				s.ofType(t, pkg, other, spec.Type, prefix, found)
			}
		}
	case *ast.SelectorExpr:
		imported := importOf(file, e.X.(*ast.Ident).Name)
		if strings.HasPrefix(imported, house) {
			s.ofType(t, strings.TrimPrefix(imported, house), nil, e.Sel, prefix, found)
		}
	}
}

func (s *source) ofStruct(t *testing.T, pkg string, file *ast.File, typ *ast.StructType, prefix string, found map[string]setting) {
	t.Helper()
	for _, field := range typ.Fields.List {
		var tag reflect.StructTag
		if field.Tag != nil {
			text, err := strconv.Unquote(field.Tag.Value)
			require.NoError(t, err)
			tag = reflect.StructTag(text)
		}
		name, options, _ := strings.Cut(tag.Get("env"), ",")
		switch name {
		case "-":
		case "":
			s.ofType(t, pkg, file, field.Type, prefix+tag.Get("envPrefix"), found)
		default:
			found[prefix+name] = setting{required: strings.Contains(options, "required")}
		}
	}
}

func typeSpec(file *ast.File, name string) *ast.TypeSpec {
	for _, declaration := range file.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			if typ, ok := spec.(*ast.TypeSpec); ok && typ.Name.Name == name {
				return typ
			}
		}
	}
	return nil
}

func importOf(file *ast.File, name string) string {
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if (spec.Name != nil && spec.Name.Name == name) || (spec.Name == nil && path.Base(imported) == name) {
			return imported
		}
	}
	return ""
}

// files are the parsed files of a package, by its folder below the repository.
func (s *source) files(t *testing.T, pkg string) []*ast.File {
	t.Helper()
	if files, ok := s.packages[pkg]; ok {
		return files
	}
	names, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pkg), "*.go"))
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		s.packages[pkg] = append(s.packages[pkg], file)
	}
	require.NotEmpty(t, s.packages[pkg], "%s has no source", pkg)
	return s.packages[pkg]
}
