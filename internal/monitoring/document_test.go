package monitoring

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/otlptranslator"
	"github.com/stretchr/testify/require"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"

	"stockhold/internal/tracing"
)

const document = "../../docs/telemetry.md"

// docs/telemetry.md lists what a running server sends: its tables are written from
// that, and nothing is left out or made up.
func TestDocumentIsCurrent(t *testing.T) {
	s := tell(t)
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	current := string(text)
	for name, table := range map[string]string{"metrics": metricsTable(t, s), "spans": spansTable(t, s)} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		before, rest, ok := strings.Cut(current, begin)
		require.True(t, ok, "%s has no place for the %s", document, name)
		_, after, ok := strings.Cut(rest, end)
		require.True(t, ok, "%s: the %s have no end", document, name)
		current = before + begin + table + end + after
	}
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(current), 0o644))
		return
	}
	require.Equal(t, current, string(text), "run: go test ./internal/monitoring -update")
}

func metricsTable(t *testing.T, s *story) string {
	var b strings.Builder
	b.WriteString("| metric | in Prometheus | kind | attributes | what it says |\n|---|---|---|---|---|\n")
	s.sent.mu.Lock()
	defer s.sent.mu.Unlock()
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	for _, name := range slices.Sorted(maps.Keys(s.sent.metrics)) {
		m := s.sent.metrics[name]
		require.NotEmpty(t, m.GetDescription(), name)
		kind, translated := kindOf(m.Metric)
		exported, err := namer.Build(otlptranslator.Metric{Name: name, Unit: m.GetUnit(), Type: translated})
		require.NoError(t, err)
		require.NotNil(t, s.page[exported], "%s is sent, and %s is not on the page", name, exported)
		attributes := slices.Sorted(maps.Keys(m.attributes))
		for _, a := range attributes {
			require.False(t, a == "id" || strings.HasSuffix(a, ".id") || a == "sku", "%s: there are as many series as values of %s", name, a)
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", name, exported, kind, quoted(attributes), strings.ReplaceAll(m.GetDescription(), "|", "\\|"))
	}
	return b.String()
}

func kindOf(m *metrics.Metric) (string, otlptranslator.MetricType) {
	unit := m.GetUnit()
	if unit != "" && unit[0] != '{' {
		unit = ", " + unit
	} else {
		unit = ""
	}
	switch data := m.GetData().(type) {
	case *metrics.Metric_Sum:
		if data.Sum.GetIsMonotonic() {
			return "counter" + unit, otlptranslator.MetricTypeMonotonicCounter
		}
		return "gauge" + unit, otlptranslator.MetricTypeNonMonotonicCounter
	case *metrics.Metric_Histogram:
		return "histogram" + unit, otlptranslator.MetricTypeHistogram
	}
	return "gauge" + unit, otlptranslator.MetricTypeGauge
}

func spansTable(t *testing.T, s *story) string {
	var b strings.Builder
	b.WriteString("| span | what it is | links to | attributes |\n|---|---|---|---|\n")
	fmt.Fprintf(&b, "| `stockhold.v1.…Service/…` | A call, by its RPC: of a caller, or of a decider. | The round trip and the transaction that carried it, and the Try of its reservation. | %s |\n",
		quoted(attributesOf(s, func(name string) bool { return strings.Contains(name, "/") })))
	for _, kind := range tracing.Kinds() {
		attributes := attributesOf(s, func(name string) bool { return name == kind.Name })
		if kind == tracing.Drop || kind == tracing.Reclaim { // it takes a ledger that lost commits, or luck
			attributes = nil
		} else {
			require.NotEmpty(t, s.sent.received(kind.Name, anySpan), kind.Name)
		}
		links := kind.Links
		if links == "" {
			links = "–"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", kind.Name, kind.Means, links, quoted(attributes))
	}
	return b.String()
}

// attributesOf lists the attributes of spans. Those that only some passes have are
// shown as one.
func attributesOf(s *story, fits func(name string) bool) []string {
	s.sent.mu.Lock()
	defer s.sent.mu.Unlock()
	found := map[string]bool{}
	for _, span := range s.sent.spans {
		if !fits(span.GetName()) {
			continue
		}
		for name := range span.attributes {
			if strings.HasPrefix(name, "stockhold.sweeper.") {
				name = "stockhold.sweeper.…"
			}
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func quoted(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// Every instrument in the code was heard of in the story: none is missing from the
// document because nothing happened to it.
func TestEveryInstrumentIsHeardOf(t *testing.T) {
	s := tell(t)
	s.sent.mu.Lock()
	defer s.sent.mu.Unlock()
	found := instruments(t, "../..")
	require.Greater(t, len(found), 40)
	for name, file := range found {
		require.Contains(t, s.sent.metrics, name, "%s makes it", file)
	}
}

// instruments are the names of all that product code makes of a meter, and where.
func instruments(t *testing.T, root string) map[string]string {
	found := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"bench", "faults", "testservers", "tools", ".git"}, entry.Name()):
			return filepath.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			first, literal := call.Args[0].(*ast.BasicLit)
			if ok && literal && first.Kind == token.STRING &&
				(strings.HasPrefix(method.Sel.Name, "Int64") || strings.HasPrefix(method.Sel.Name, "Float64")) {
				instrument, err := strconv.Unquote(first.Value)
				require.NoError(t, err)
				found[instrument] = name
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	return found
}
