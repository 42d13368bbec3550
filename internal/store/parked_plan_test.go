package store

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// The keys of parked holds come out of the index over lanes alone: what is not
// parked costs nothing, however much of it there is.
func TestParkedHoldsGoByTheirLane(t *testing.T) {
	explained := func(t *testing.T, s *Store, err error, explain string) []string {
		t.Helper()
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		_, err = s.Migrate(t.Context())
		require.NoError(t, err)
		fillTables(t, s)
		real := s.read.Statement.ConnPool
		seen := &recorder{ConnPool: real}
		s.read.Statement.ConnPool = seen
		_, err = s.parkedKeys(t.Context(), 100, 50)
		require.NoError(t, err)
		require.Len(t, seen.statements, 6)
		var plans []string
		for i, statement := range seen.statements {
			rows, err := real.QueryContext(t.Context(), explain+statement, seen.args[i]...)
			require.NoError(t, err)
			columns, err := rows.Columns()
			require.NoError(t, err)
			for rows.Next() {
				cells, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
				for i := range cells {
					places[i] = &cells[i]
				}
				require.NoError(t, rows.Scan(places...))
				plan := ""
				for i, cell := range cells {
					plan += columns[i] + "=" + cell.String + " "
				}
				plans = append(plans, plan)
			}
			require.NoError(t, rows.Err())
			require.NoError(t, rows.Close())
		}
		return plans
	}
	t.Run("SQLite", func(t *testing.T) {
		s, err := OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), Options{})
		for _, plan := range explained(t, s, err, "EXPLAIN QUERY PLAN ") {
			require.Regexp(t, `USING COVERING INDEX reservations_by_due|USE TEMP B-TREE`, plan)
		}
	})
	t.Run("MariaDB", func(t *testing.T) {
		s, err := OpenMySQL(testservers.Database(t), Options{})
		for _, plan := range explained(t, s, err, "EXPLAIN ") {
			require.Regexp(t, `type=(ref|range) .* key=by_due `, plan)
			require.Contains(t, plan, "Using index")
		}
	})
}
