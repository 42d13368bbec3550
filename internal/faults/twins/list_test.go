package twins

import (
	"flag"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/twins.md")

var root = filepath.Join("..", "..", "..")

// Every twin still fits the code: the places that it changes are there, what comes
// out can be read, and the tests that must notice exist.
func TestEveryTwinFits(t *testing.T) {
	names := map[string]bool{}
	for _, twin := range All() {
		t.Run(twin.Name, func(t *testing.T) {
			require.False(t, names[twin.Name], "the name is taken")
			names[twin.Name] = true
			require.NotContains(t, twin.Name, "/")
			for _, words := range []string{twin.Name, twin.Promise, twin.Without} {
				require.NotEmpty(t, words)
				require.NotContains(t, words, "|", "it would end a cell of the table")
			}
			files, err := twin.Files(root)
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for name, text := range files {
				if strings.HasSuffix(name, ".go") {
					_, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
					require.NoError(t, err)
				}
			}
			require.NotEmpty(t, twin.Notice.Tests)
			there := testsOf(t, twin.Notice.Package)
			for _, name := range twin.Notice.Tests {
				require.True(t, there[name], "%s has no %s", twin.Notice.Package, name)
			}
		})
	}
}

// testsOf lists the test functions of a package.
func testsOf(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pkg), "*_test.go"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
			names[string(found[1])] = true
		}
	}
	return names
}

func TestDocumentListsEveryTwin(t *testing.T) {
	path := filepath.Join(root, "docs", "twins.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(Document()), 0o644))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	if string(text) != Document() { // they are long, and the difference says nothing more
		t.Error("docs/twins.md does not list the twins as they are: write it anew with -update")
	}
}
