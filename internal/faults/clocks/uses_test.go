package clocks_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program is where the code that runs in production begins; what it imports, and
// what that imports, is the rest.
const program = "cmd/stockhold"

// foreign are packages of it that say nothing of what is held: the wire's messages,
// and the demonstration, which plays an order service with a clock of its own.
var foreign = []string{"gen/stockhold/v1", "gen/stockhold/v1/stockholdv1connect", "internal/demo"}

// ownClock lists the files that look at the process's own clock, and what for. It
// measures and bounds waits of this process. What is held, until when, and who may
// act on it is decided by times that came from the database.
var ownClock = map[string]string{
	"cmd/stockhold/hold_try.go":    "from when on a listing is shown",
	"internal/display/progress.go": "how often progress is told",
	"internal/recount/run.go":      "how long an import took",
	"internal/access/control.go":   "how often the log says that somebody was turned away",
	"internal/app/pulse.go":        "how late this process is with what comes in",
	"internal/app/server.go":       "how long a server that stops waits for calls that it cut off",
	"internal/audit/progress.go":   "how often progress is shown",
	"internal/certs/load.go":       "whether a new certificate is worth taking: who may call, not what is held",
	"internal/certs/server.go":     "whether a caller's certificate is over: who may call, not what is held",
	"internal/quota/holdings.go":   "how often the ledger is asked what an owner holds",
	"internal/quota/rates.go":      "how often somebody calls",
	"internal/rpc/boundary.go":     "how long a call took, for metrics and the log",
	"internal/rpc/errors.go":       "how often the log says that a store is away",
	"internal/rpc/metrics.go":      "how long a call took",
	"internal/store/rows.go":       "the embedded ledger lives in this process: there the process's clock is the database's",
	"internal/tokens/verifier.go":  "whether a caller's token is over: who may call, not what is held",
	"inventory/away.go":            "whether the caller's own deadline is over",
	"inventory/convoy.go":          "how long holds have waited for a round trip",
	"inventory/metrics.go":         "how long a round trip took",
	"inventory/scripts.go":         "how long a round trip took",
	"reservation/due.go":           "how long a transaction took",
	"reservation/ledger.go":        "for how long a lost COMMIT is asked about",
	"reservation/transaction.go":   "how long a transaction took",
	"reservation/metrics.go":       "how long a COMMIT took; in which seconds the gate was away, for a counter",
	"reservation/pending.go":       "how long the caller is ready to wait",
	"reservation/pressure.go":      "when calls that wait are to go on together, and how many were stopped in a second",
	"reservation/queue.go":         "how long a call has waited",
	"reservation/slowlane.go":      "for how long calls for a locked row are kept apart",
	"reservation/teller.go":        "when a line of the log was due",
	"sweeper/ask.go":               "how much of its lease a sweeper has left; what it does too late changes nothing",
	"sweeper/check.go":             "how much of a pass was spent on slow owners",
	"sweeper/owner.go":             "how long a request took",
	"sweeper/sweeper.go":           "how long a pass took, and when the next one is to tidy up",
}

// No product code looks at the process's clock but for what is listed above. A
// file that is not there must be thought about before it is.
func TestNoProcessClockDecides(t *testing.T) {
	var found []string
	folders := []string{program}
	for i := 0; i < len(folders); i++ {
		names, err := filepath.Glob(filepath.Join(root, folders[i], "*.go"))
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			if looksAtTheClock(file) {
				relative, err := filepath.Rel(root, name)
				require.NoError(t, err)
				found = append(found, filepath.ToSlash(relative))
			}
			for _, folder := range ours(file) {
				if !slices.Contains(folders, folder) && !slices.Contains(foreign, folder) {
					folders = append(folders, folder)
				}
			}
		}
	}
	for _, folder := range []string{"inventory", "reservation", "sweeper", "sweeper/decider", "internal/store"} {
		require.Contains(t, folders, folder, "not looked at")
	}
	slices.Sort(found)
	for _, name := range found {
		require.Contains(t, ownClock, name, "what does it ask its own clock for?")
	}
	for name := range ownClock {
		require.Contains(t, found, name, "it asks no more")
	}
}

const root = "../../.."

// ours are the folders of this module that a file imports.
func ours(file *ast.File) (folders []string) {
	for _, spec := range file.Imports {
		if folder, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), "stockhold/"); ok {
			folders = append(folders, folder)
		}
	}
	return folders
}

// looksAtTheClock reports whether a file takes the time of day.
func looksAtTheClock(file *ast.File) (looks bool) {
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := selector.X.(*ast.Ident); ok {
			switch pkg.Name + "." + selector.Sel.Name {
			case "time.Now", "time.Since", "time.Until", "timestamppb.Now":
				looks = true
			}
		}
		return true
	})
	return looks
}
