package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const dashboardFile = "../../deploy/grafana/stockhold.json"

func TestDashboardIsCurrent(t *testing.T) {
	current, err := Dashboard()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(dashboardFile, current, 0o644))
		return
	}
	written, err := os.ReadFile(dashboardFile)
	require.NoError(t, err)
	require.Equal(t, string(current), string(written), "run: go test ./internal/monitoring -update")
}

// What Grafana reads is whole: every panel has a place of its own, a title, a unit,
// words about what to read from it, and queries.
func TestDashboardIsTidy(t *testing.T) {
	text, err := Dashboard()
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			ID          int
			Type        string
			Title       string
			Description string
			GridPos     struct{ X, Y, W, H int }
			FieldConfig struct{ Defaults struct{ Unit string } }
			Targets     []struct{ RefID, Expr, LegendFormat string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	ids, titles, cells := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	for _, p := range board.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, cells[cell], "%s covers another panel", p.Title)
				cells[cell] = p.Title
			}
		}
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, gridWidth)
		require.NotEmpty(t, p.Title)
		if p.Type == "row" {
			continue
		}
		require.False(t, titles[p.Title], "two panels are called %s", p.Title)
		titles[p.Title] = true
		require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
		require.True(t, strings.HasSuffix(p.Description, "."), "%s: what is to be read from it?", p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			require.NotEmpty(t, target.LegendFormat, p.Title)
		}
	}
}

// Every query is one for Prometheus, and names only what the program exports.
func TestDashboardShowsWhatIsExported(t *testing.T) {
	told := tell(t)
	var rules strings.Builder
	rules.WriteString("groups:\n- name: panels\n  rules:\n")
	for i, r := range rows {
		for j, p := range r.panels {
			for k, q := range p.queries {
				requireExported(t, told.page, q.expr)
				fmt.Fprintf(&rules, "  - record: panel_%d_%d_%d\n    expr: %q\n", i, j, k,
					strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*").Replace(q.expr))
			}
		}
	}
	file := filepath.Join(t.TempDir(), "panels.yaml")
	require.NoError(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	promtool(t, "check", "rules", file)
}
