package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every test that docs/anomalies.md names is there, so that no row outlives its proof.
func TestAnomaliesNameTestsThatExist(t *testing.T) {
	root := filepath.Join("..", "..")
	var code strings.Builder
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
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
	doc, err := os.ReadFile(filepath.Join(root, "docs", "anomalies.md"))
	require.NoError(t, err)
	names := regexp.MustCompile("`(Test\\w+|…)(?:/…)?(?:/([\\w/]+))?`").FindAllStringSubmatch(string(doc), -1)
	require.Greater(t, len(names), 50)
	for _, name := range names {
		if name[1] != "…" {
			require.True(t, strings.Contains(code.String(), "func "+name[1]+"("), "docs/anomalies.md names %s, which is not there", name[1])
		}
		if part := name[2]; part != "" && (name[1] == "TestConformance" || name[1] == "…") {
			require.True(t, strings.Contains(code.String(), `{name: "`+part+`"`), "docs/anomalies.md names the case %s, which is not there", part)
		}
	}
}
