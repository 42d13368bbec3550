package config_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/config"
)

//go:generate go test -run TestReferenceIsCurrent -update

var update = flag.Bool("update", false, "write the tables of docs/configuration.md")

const reference = "../../docs/configuration.md"

// table is what stands between two marks: everything there is generated.
var table = regexp.MustCompile(`(?s)(<!-- settings: (\w+) -->\n).*?(<!-- end -->)`)

// The reference says what the program does, setting by setting.
func TestReferenceIsCurrent(t *testing.T) {
	text, err := os.ReadFile(reference)
	require.NoError(t, err)
	written := map[string]bool{}
	current := table.ReplaceAllStringFunc(string(text), func(old string) string {
		parts := table.FindStringSubmatch(old)
		written[parts[2]] = true
		return parts[1] + rows(parts[2]) + parts[3]
	})
	for _, s := range config.Settings() {
		require.True(t, written[s.Group], "%s has no table for the group %q", reference, s.Group)
	}
	if *update {
		require.NoError(t, os.WriteFile(reference, []byte(current), 0o644))
		return
	}
	require.Equal(t, current, string(text), "run: go generate ./internal/config")
}

func rows(group string) string {
	var b strings.Builder
	b.WriteString("| flag and key | variable | default | reloads | meaning |\n|---|---|---|---|---|\n")
	for _, s := range config.Settings() {
		if s.Group != group {
			continue
		}
		value := "none"
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		reloads := ""
		if s.Reloads {
			reloads = "yes"
		}
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s | %s |\n", s.Flag, s.Variable, value, reloads, s.Help)
	}
	return b.String()
}
