package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/config"
)

const example = "../../docs/stockhold.yaml"

// sample is what the example sets, as a production system would.
var sample = map[string]any{
	"listen":         ":8443",
	"tls-cert":       "/etc/stockhold/tls/tls.crt",
	"tls-key":        "/etc/stockhold/tls/tls.key",
	"tls-client-ca":  "/etc/stockhold/tls/ca.crt",
	"access-policy":  "/etc/stockhold/access.yaml",
	"mysql-dsn-file": "/run/secrets/mysql-dsn",
	"redis-url-file": "/run/secrets/redis-url",
	"deciders":       map[string]string{"orders": "https://orders.internal", "web": "https://web.internal/stock"},
	"drain-delay":    "5s",
	"log-format":     "json",
}

const exampleHead = `# Every setting of stockhold, with its default: a file for --config or STOCKHOLD_CONFIG. It is generated
# from the program. Copy it, keep in it what you change, and keep that in Git: passwords are in files of
# their own. Flags and variables go before it. Before it is used:
#
#	stockhold config check --config stockhold.yaml
#
# SIGHUP has a running server take over what is marked (reloads).
`

// The example has every setting there is, by the words of its help.
func TestExampleIsCurrent(t *testing.T) {
	current := writeExample(t)
	if *update {
		require.NoError(t, os.WriteFile(example, []byte(current), 0o644))
		return
	}
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	require.Equal(t, current, string(text), "run: go generate ./internal/config")
}

func writeExample(t *testing.T) string {
	defaults := config.Default()
	var b strings.Builder
	b.WriteString(exampleHead)
	group := ""
	for _, v := range defaults.Values(nil) {
		if v.Flag == "config" {
			continue
		}
		if v.Group != group {
			group = v.Group
			fmt.Fprintf(&b, "\n# --- %s\n", group)
		}
		help := v.Help
		if v.Reloads {
			help += " (reloads)"
		}
		b.WriteString("\n")
		for _, line := range wrapped(help, 100) {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		before := "#"
		if set, ok := sample[v.Flag]; ok {
			v.Value, before = set, ""
		}
		var yaml strings.Builder
		require.NoError(t, config.WriteYAML(&yaml, []config.Value{v}))
		for line := range strings.Lines(yaml.String()) {
			if strings.HasPrefix(line, "# ") {
				continue // the heading of the group
			}
			line, _, _ = strings.Cut(line, " # ")
			b.WriteString(before + strings.TrimRight(line, "\n ") + "\n")
		}
	}
	return b.String()
}

func wrapped(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// The example works as it is, where its secrets are; and with every line of it in
// force it says nothing but the defaults.
func TestExampleWorks(t *testing.T) {
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	folder := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	put("mysql-dsn", "stock:secret@tcp(db:3306)/stock\n")
	put("redis-url", "redis://redis:6379/0\n")
	cfg, err := read(t, "--config", put("example.yaml", strings.ReplaceAll(string(text), "/run/secrets/", folder+"/")))
	require.NoError(t, err)
	require.NoError(t, cfg.Security.CheckListen("listen", cfg.Server.Listen), "it is safe")
	require.Equal(t, ":8443", cfg.Server.Listen)
	require.Equal(t, "stock:secret@tcp(db:3306)/stock", cfg.Stores.MySQLDSN)
	require.Equal(t, []string{"orders", "web"}, cfg.Sweeper.Deciders.Owners())

	lines := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(line string) bool {
		return !regexp.MustCompile(`^#[a-z-]+:`).MatchString(line)
	})
	require.Len(t, lines, len(config.Settings())-len(sample)-1)
	all := put("defaults.yaml", strings.ReplaceAll(strings.Join(lines, ""), "#", ""))
	cfg, err = read(t, "--config", all)
	require.NoError(t, err)
	cfg.File = ""
	byDefault := config.Default()
	require.NoError(t, byDefault.Complete())
	require.Equal(t, byDefault, cfg)
}
