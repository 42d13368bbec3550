package architecture

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "stockhold"

// layer is a package with the packages below it, except those that have a layer
// of their own.
type layer struct {
	path    string
	imports []string // the layers that it may import beside itself
	wire    bool     // may speak the wire: Connect, gRPC, protobuf
}

// layers are the rules. A package in none of them may import anything but cmd
// and internal/app.
var layers = []layer{
	{path: "inventory", imports: []string{"internal/tracing"}},
	{path: "reservation", imports: []string{"inventory", "internal/crashpoint", "internal/tracing"}},
	{path: "sweeper", imports: []string{"inventory", "reservation", "internal/crashpoint", "internal/tracing"}},
	{path: "sweeper/decider", imports: []string{"inventory", "reservation", "sweeper", "gen"}, wire: true},
	{path: "gen", wire: true},
	{path: "internal/crashpoint"},
	{path: "internal/tracing"},
}

// forTests are the packages that only serve to test and to measure, beside those
// whose name says so.
var forTests = []string{"internal/faults", "internal/bench", "cmd/bench"}

// wire are the modules that domain packages must not know.
var wire = []string{
	"connectrpc.com",
	"google.golang.org/genproto",
	"google.golang.org/grpc",
	"google.golang.org/protobuf",
}

// use is one import: a file and what it imports. Ours are named without the
// module's name.
type use struct {
	file     string
	imported string
	ours     bool
}

func TestImportsRunOneWay(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	uses, err := readUses(root)
	require.NoError(t, err)

	seen := map[string]bool{}
	for _, u := range uses {
		if l, ok := layerOf(path.Dir(u.file)); ok {
			seen[l.path] = true
		}
		if why := forbidden(u); why != "" {
			t.Errorf("%s imports %s: %s", u.file, u.imported, why)
		}
	}
	for _, l := range layers {
		if !seen[l.path] {
			t.Errorf("nothing at %s imports anything: has it moved, and left its rule behind?", l.path)
		}
	}
}

// Each rule, with an import that it forbids next to one that it allows.
func TestForbidden(t *testing.T) {
	const fine = ""
	for _, tt := range []struct {
		file, imported, why string
	}{
		{"inventory/stock.go", "slices", fine},
		{"inventory/stock.go", "stockhold/reservation", "inventory may import of our packages only internal/tracing"},
		{"inventory/gatelog/log.go", "stockhold/inventory", fine},
		{"inventory/stock.go", "stockhold/internal/config", "inventory may import of our packages only internal/tracing"},
		{"reservation/service.go", "stockhold/inventory", fine},
		{"reservation/service.go", "stockhold/inventory/lua", fine},
		{"reservation/service.go", "stockhold/sweeper", "reservation may import of our packages only inventory, internal/crashpoint, internal/tracing"},
		{"reservation/service.go", "stockhold/gen/stockhold/v1", "reservation may import of our packages only inventory, internal/crashpoint, internal/tracing"},
		{"reservation/service.go", "connectrpc.com/connect", "reservation must not know the wire"},
		{"reservation/service.go", "google.golang.org/protobuf/proto", "reservation must not know the wire"},
		{"reservation/service_test.go", "stockhold/internal/testservers", fine},
		{"reservation/reservationtest/ledger.go", "stockhold/internal/testservers", fine},
		{"sweeper/sweeper.go", "stockhold/reservation", fine},
		{"sweeper/sweeper.go", "stockhold/sweeper/decider", "sweeper may import of our packages only inventory, reservation, internal/crashpoint, internal/tracing"},
		{"sweeper/sweeper.go", "connectrpc.com/connect", "sweeper must not know the wire"},
		{"sweeper/sweeper.go", "stockhold/internal/telemetry", "sweeper may import of our packages only inventory, reservation, internal/crashpoint, internal/tracing"},
		{"sweeper/decider/client.go", "connectrpc.com/connect", fine},
		{"sweeper/decider/client.go", "stockhold/gen/stockhold/v1/stockholdv1connect", fine},
		{"sweeper/decider/client.go", "stockhold/internal/rpc", "sweeper/decider may import of our packages only inventory, reservation, sweeper, gen"},
		{"gen/stockhold/v1/stock.pb.go", "stockhold/inventory", "gen may import none of our packages"},
		{"reservation/try.go", "stockhold/internal/crashpoint", fine},
		{"inventory/scripts.go", "stockhold/internal/tracing", fine},
		{"internal/tracing/mark.go", "stockhold/inventory", "internal/tracing may import none of our packages"},
		{"internal/faults/site.go", "stockhold/internal/testservers", fine},
		{"internal/app/app.go", "stockhold/internal/faults", "only tests and test helpers import test helpers"},
		{"internal/rpc/errors.go", "stockhold/sweeper", fine},
		{"internal/rpc/errors.go", "connectrpc.com/connect", fine},
		{"internal/rpc/errors.go", "stockhold/internal/app", "only cmd and tests import internal/app"},
		{"internal/app/app.go", "stockhold/internal/rpc", fine},
		{"internal/app/app.go", "stockhold/cmd/stockhold", "nothing imports cmd"},
		{"internal/app/app.go", "stockhold/internal/testservers", "only tests and test helpers import test helpers"},
		{"internal/rpc/errors_test.go", "stockhold/internal/app", fine},
		{"internal/rpc/errors_test.go", "stockhold/cmd/stockhold", "nothing imports cmd"},
		{"cmd/stockhold/main.go", "stockhold/internal/app", fine},
		{"cmd/stockhold/main_test.go", "stockhold/cmd/stockhold", fine},
	} {
		t.Run(tt.file+" imports "+tt.imported, func(t *testing.T) {
			require.Equal(t, tt.why, forbidden(newUse(tt.file, tt.imported)))
		})
	}
}

// forbidden says which rule an import breaks, or "".
func forbidden(u use) string {
	from := path.Dir(u.file)
	if u.ours && within(u.imported, "cmd") && !within(from, u.imported) {
		return "nothing imports cmd"
	}
	if isTest(u.file) {
		return ""
	}
	if u.ours && isTestHelper(u.imported) {
		return "only tests and test helpers import test helpers"
	}
	if u.ours && within(u.imported, "internal/app") && !within(from, "internal/app") && !within(from, "cmd") {
		return "only cmd and tests import internal/app"
	}

	l, ok := layerOf(from)
	if !ok {
		return ""
	}
	if u.ours {
		to, _ := layerOf(u.imported)
		if to.path == l.path || slices.Contains(l.imports, to.path) {
			return ""
		}
		if len(l.imports) == 0 {
			return l.path + " may import none of our packages"
		}
		return l.path + " may import of our packages only " + strings.Join(l.imports, ", ")
	}
	if !l.wire && slices.ContainsFunc(wire, func(p string) bool { return within(u.imported, p) }) {
		return l.path + " must not know the wire"
	}
	return ""
}

// layerOf finds the layer of a package: the one with the longest path.
func layerOf(pkg string) (found layer, ok bool) {
	for _, l := range layers {
		if within(pkg, l.path) && len(l.path) > len(found.path) {
			found, ok = l, true
		}
	}
	return found, ok
}

// within reports whether a package is the given one or below it.
func within(pkg, parent string) bool {
	return pkg == parent || strings.HasPrefix(pkg, parent+"/")
}

func isTest(file string) bool {
	return strings.HasSuffix(file, "_test.go") || isTestHelper(path.Dir(file))
}

func isTestHelper(pkg string) bool {
	if slices.ContainsFunc(forTests, func(p string) bool { return within(pkg, p) }) {
		return true
	}
	name := path.Base(pkg)
	return strings.HasPrefix(name, "test") || strings.HasSuffix(name, "test")
}

func newUse(file, imported string) use {
	ours, ok := strings.CutPrefix(imported, module+"/")
	return use{file: file, imported: ours, ours: ok}
}

// readUses reads the imports of every Go file of the module, whatever its build
// tags. It reads them here, and not through `go list`, because `go test` only
// sees what the test itself opens: with another process reading, a change
// elsewhere would be answered from the cache of test results.
func readUses(root string) ([]use, error) {
	var uses []use
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != root && foreign(name, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return fmt.Errorf("read the imports of %s: %w", name, err)
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("read the imports of %s: %w", name, err)
			}
			uses = append(uses, newUse(filepath.ToSlash(relative), imported))
		}
		return nil
	})
	return uses, err
}

// foreign reports whether a folder is none of the module's packages, as the go
// command sees it: hidden, test data, or a module of its own.
func foreign(dir, name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
