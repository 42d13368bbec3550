package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever starts a goroutine waits for it: the tests of each package look for those
// that were left behind, and each package that starts one has tests.
func TestPackagesLookForLeaks(t *testing.T) {
	start, tested, look := map[string]string{}, map[string]bool{}, map[string]bool{} // by folder
	files := token.NewFileSet()
	require.NoError(t, filepath.WalkDir("../..", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && name != "../.." && foreign(name, entry.Name()) {
			return filepath.SkipDir
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(strings.TrimPrefix(name, "../../")))
		switch {
		case !strings.HasSuffix(name, "_test.go"):
			if at := startsGoroutine(file); at.IsValid() {
				start[folder] = files.Position(at).String()
			}
		case looksForLeaks(file):
			look[folder] = true
			fallthrough
		default:
			tested[folder] = true
		}
		return nil
	}))
	require.Contains(t, start, "reservation", "the ledger's committers were not seen")
	require.Greater(t, len(tested), 40)
	for folder := range tested {
		if !look[folder] {
			t.Errorf("no test of %s looks for leaks: let its TestMain be leaktest.Main", folder)
		}
	}
	for folder, at := range start {
		// What only tests use is watched by the tests that use it.
		if isTestHelper(folder) || look[folder] {
			continue
		}
		t.Errorf("%s starts a goroutine (%s), and has no test that looks for leaks", folder, at)
	}
}

// startsGoroutine finds a go statement, or what stands for one: the Go method of a
// group.
func startsGoroutine(file *ast.File) (at token.Pos) {
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.GoStmt:
			at = n.Pos()
		case *ast.SelectorExpr:
			if n.Sel.Name == "Go" {
				at = n.Pos()
			}
		}
		return true
	})
	return at
}

// looksForLeaks finds the TestMain of a package, and that it knows somebody who looks.
func looksForLeaks(file *ast.File) bool {
	main := slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
		f, ok := d.(*ast.FuncDecl)
		return ok && f.Recv == nil && f.Name.Name == "TestMain"
	})
	return main && slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
		imported, err := strconv.Unquote(i.Path.Value)
		return err == nil && slices.Contains([]string{"go.uber.org/goleak", module + "/internal/leaktest", module + "/internal/faults"}, imported)
	})
}
