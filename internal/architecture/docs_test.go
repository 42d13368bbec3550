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
