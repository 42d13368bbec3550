package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every test that a document names is there, so that no row outlives its proof.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	code := testCode(t)
	for document, least := range map[string]int{"anomalies.md": 50, "security.md": 50} {
		t.Run(document, func(t *testing.T) {
			doc, err := os.ReadFile(filepath.Join("..", "..", "docs", document))
			require.NoError(t, err)
			names := regexp.MustCompile("`((?:Test|Fuzz)\\w+|…)(?:/…)?(?:/([\\w/]+))?`").FindAllStringSubmatch(string(doc), -1)
			require.Greater(t, len(names), least)
			for _, name := range names {
				if name[1] != "…" {
					require.True(t, strings.Contains(code, "func "+name[1]+"("), "%s is not there", name[1])
				}
				if part := name[2]; part != "" && (name[1] == "TestConformance" || name[1] == "…") {
					require.True(t, strings.Contains(code, `{name: "`+part+`"`), "the case %s is not there", part)
				}
			}
		})
	}
}

// Every fault that docs/reliability.md lists is shown by a test that is there; of
// those of the crashes, the points and conditions that it names are, too.
func TestEveryFaultIsShownByATest(t *testing.T) {
	code := testCode(t)
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "reliability.md"))
	require.NoError(t, err)
	crashes, err := os.ReadFile(filepath.Join("..", "faults", "crash", "points_test.go"))
	require.NoError(t, err)
	names := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)\\w+)((?:/[^`]+)?)`")
	all := names.FindAllStringSubmatch(string(doc), -1)
	require.Greater(t, len(all), 80)
	for _, name := range all {
		require.Contains(t, code, "func "+name[1]+"(")
		require.True(t, name[2] == "" || name[1] == "TestCrash", "%s: nobody knows its parts", name[0])
		for _, part := range strings.FieldsFunc(name[2], func(r rune) bool { return strings.ContainsRune("/.…", r) }) {
			require.Contains(t, string(crashes), `"`+strings.ReplaceAll(part, "_", " ")+`"`, name[0])
		}
	}

	_, table, found := strings.Cut(string(doc), "| fault | what must come of it | shown by |\n|---|---|---|\n")
	require.True(t, found)
	table, _, found = strings.Cut(table, "\n\n")
	require.True(t, found)
	for row := range strings.Lines(table) {
		require.Regexp(t, "`Test", row[strings.LastIndex(strings.TrimRight(row, "|\n "), "|"):], "a row without a test")
	}
}

// testCode is all code that tests.
func testCode(t *testing.T) string {
	t.Helper()
	var code strings.Builder
	require.NoError(t, filepath.WalkDir(filepath.Join("..", ".."), func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".go") && (strings.HasSuffix(path, "_test.go") || strings.Contains(path, "conformance")) {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			code.Write(text)
		}
		return nil
	}))
	return code.String()
}
