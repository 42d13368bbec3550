package monitoring

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const (
	rulesFolder = "../../deploy/prometheus"
	rulesTests  = rulesFolder + "/tests/alerts.yaml"
	runbook     = "../../docs/operations.md"
)

// alert is one rule.
type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func readAlerts(t *testing.T) (alerts []alert) {
	t.Helper()
	files, err := filepath.Glob(rulesFolder + "/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var file struct{ Groups []struct{ Rules []alert } }
		require.NoError(t, yaml.Unmarshal(text, &file), name)
		for _, group := range file.Groups {
			alerts = append(alerts, group.Rules...)
		}
	}
	return alerts
}

// promtool runs Debian's tool for Prometheus and returns what it said.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	require.NoError(t, err, "run scripts/deps")
	said, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	require.NoError(t, err, "promtool %v:\n%s", args, said)
	return string(said)
}

// Prometheus takes the rules, and each raises its alert when it should, and only then.
func TestAlertsFire(t *testing.T) {
	files, err := filepath.Glob(rulesFolder + "/*.yaml")
	require.NoError(t, err)
	promtool(t, append([]string{"check", "rules"}, files...)...)
	require.Contains(t, promtool(t, "test", "rules", rulesTests), "SUCCESS")
}

// Each alert is tried both ways: with what raises it, and with what does not.
func TestAlertsAreTried(t *testing.T) {
	text, err := os.ReadFile(rulesTests)
	require.NoError(t, err)
	var file struct {
		Tests []struct {
			Rules []struct {
				Name   string `json:"alertname"`
				Alerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, rule := range test.Rules {
			fires[rule.Name] = fires[rule.Name] || len(rule.Alerts) > 0
			quiet[rule.Name] = quiet[rule.Name] || len(rule.Alerts) == 0
		}
	}
	alerts := readAlerts(t)
	require.Len(t, fires, len(alerts))
	for _, a := range alerts {
		require.True(t, fires[a.Alert], "nothing raises %s", a.Alert)
		require.True(t, quiet[a.Alert], "nothing shows when %s is not raised", a.Alert)
	}
}

// An alert that nobody can act on is noise: each says how urgent it is, and the
// runbook says what it means, what to look at and what to do. It has no others.
func TestAlertsHaveARunbook(t *testing.T) {
	text, err := os.ReadFile(runbook)
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## Alerts\n")
	require.True(t, found, "%s has no section on alerts", runbook)
	section, _, _ = strings.Cut(section, "\n## ")
	entries := map[string]string{}
	for _, entry := range strings.Split(section, "\n### ")[1:] {
		name, words, _ := strings.Cut(entry, "\n")
		entries[name] = words
	}
	for _, a := range readAlerts(t) {
		require.Contains(t, []string{"page", "ticket"}, a.Labels["severity"], a.Alert)
		require.NotEmpty(t, a.Annotations["summary"], a.Alert)
		require.Equal(t, "docs/operations.md#"+strings.ToLower(a.Alert), a.Annotations["runbook"])
		require.Contains(t, entries, a.Alert)
		for _, part := range []string{"- **Means** ", "- **Look at** ", "- **Do** "} {
			require.Equal(t, 1, strings.Count(entries[a.Alert], part), "%s: %s", a.Alert, part)
		}
		delete(entries, a.Alert)
	}
	require.Empty(t, entries, "alerts that are no more")
}

// The runbook sends people to panels that are there.
func TestRunbookNamesPanels(t *testing.T) {
	text, err := os.ReadFile(runbook)
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(text), "\n## Alerts\n")
	section, _, _ = strings.Cut(section, "\n## ")
	known := map[string]bool{}
	for _, r := range rows {
		for _, p := range r.panels {
			known[p.title] = true
			known[r.title+": "+p.title] = true
		}
	}
	named := regexp.MustCompile(`[^*]\*([A-Z][^*]+)\*[^*]`).FindAllStringSubmatch(section, -1)
	require.Greater(t, len(named), 15)
	for _, n := range named {
		title := strings.Join(strings.Fields(n[1]), " ")
		require.True(t, known[title], "there is no panel %s", title)
	}
}

// The lines of the log that the runbook tells people to look for are lines that the
// program writes, to the letter.
func TestRunbookQuotesTheLog(t *testing.T) {
	text, err := os.ReadFile(runbook)
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(text), "\n## Alerts\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var sources strings.Builder
	for _, folder := range []string{"inventory", "reservation", "sweeper", "internal/app", "internal/rpc", "internal/store"} {
		files, err := filepath.Glob("../../" + folder + "/*.go")
		require.NoError(t, err)
		for _, name := range files {
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			if !strings.HasSuffix(name, "_test.go") {
				sources.Write(source)
			}
		}
	}
	quoted := 0
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(section, -1) {
		line := strings.Join(strings.Fields(found[1]), " ")
		line = strings.TrimSuffix(strings.TrimPrefix(line, `"msg":"`), `"`)
		if !regexp.MustCompile(`^[a-z]+'?[a-z]* [a-z][a-z' ]+$`).MatchString(line) || strings.HasPrefix(line, "stockhold ") {
			continue // a command, a setting, a metric
		}
		quoted++
		require.Contains(t, sources.String(), `"`+line, "nothing logs this")
	}
	require.GreaterOrEqual(t, quoted, 7)
}

// Every metric that an alert watches is exported, from the start, with the labels
// that it looks for.
func TestAlertsWatchWhatIsExported(t *testing.T) {
	told := tell(t)
	for _, a := range readAlerts(t) {
		requireExported(t, told.page, a.Expr)
	}
}
