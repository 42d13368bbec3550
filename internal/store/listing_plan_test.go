package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// recorder notes the statements that pass through it.
type recorder struct {
	gorm.ConnPool
	statements []string
	args       [][]any
}

func (r *recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.statements, r.args = append(r.statements, query), append(r.args, args)
	return r.ConnPool.QueryContext(ctx, query, args...)
}

// BeginTx and GetDBConn are what gorm asks of a pool beside that.
func (r *recorder) BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) {
	return r.ConnPool.(*sql.DB).BeginTx(ctx, opts)
}

func (r *recorder) GetDBConn() (*sql.DB, error) { return r.ConnPool.(*sql.DB), nil }

// No listing and no sweep scans a table, on either database: each statement of
// theirs is explained on tables that are worth an index.
func TestListingsAndSweepsGoByAnIndex(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		s, err := OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), Options{})
		explainAll(t, s, err, func(rows *sql.Rows) string {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			if strings.HasPrefix(detail, "SCAN ") && !strings.Contains(detail, "CONSTANT") && !strings.Contains(detail, "VALUES") &&
				!strings.Contains(detail, "stock_adjustments") { // read from its oldest row on, and no further than the limit
				return detail
			}
			return ""
		})
	})
	t.Run("MariaDB", func(t *testing.T) {
		s, err := OpenMySQL(testservers.Database(t), Options{})
		explainAll(t, s, err, func(rows *sql.Rows) string {
			var id, selectType, table, kind, possible, key, keyLen, ref, examined, extra sql.NullString
			require.NoError(t, rows.Scan(&id, &selectType, &table, &kind, &possible, &key, &keyLen, &ref, &examined, &extra))
			if kind.String == "ALL" || kind.String == "index" && table.String != "stock_adjustments" || strings.Contains(extra.String, "filesort") {
				return fmt.Sprintf("%s of %s by %s, %s", kind.String, table.String, key.String, extra.String)
			}
			return ""
		})
	})
}

func explainAll(t *testing.T, s *Store, err error, scan func(*sql.Rows) string) {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	fillTables(t, s)

	real := s.read.Statement.ConnPool
	seen := &recorder{ConnPool: real}
	s.read.Statement.ConnPool = seen
	ctx := t.Context()
	page := func(filter reservation.Filter) {
		filter.Owner = "o1"
		_, _, err := s.Reservations(ctx, filter, 100, 50)
		require.NoError(t, err)
	}
	page(reservation.Filter{})
	page(reservation.Filter{States: []reservation.State{reservation.Reserved}})
	page(reservation.Filter{Parked: true})
	page(reservation.Filter{SKU: "S1"})
	page(reservation.Filter{Location: "default", CreatedAfter: time.Now().AddDate(-5, 0, 0), CreatedBefore: time.Now()})
	for _, f := range [][2]string{{"", ""}, {"S1", ""}, {"", "default"}, {"S1", "default"}} {
		_, err := s.StockPage(ctx, f[0], f[1], inventory.Key{Location: "default", SKU: "S1"}, 50)
		require.NoError(t, err)
	}
	_, err = s.Undecided(ctx, 100)
	require.NoError(t, err)
	_, err = s.Purge(ctx, reservation.Retention{Ended: time.Hour, Tombstones: time.Hour, Adjustments: time.Hour}, 10)
	require.NoError(t, err)
	_, err = s.Known(ctx, []inventory.HoldID{{Owner: "o1", ID: "R-1"}, {Owner: "o1", ID: "R-2"}})
	require.NoError(t, err)
	_, err = s.Stocks(ctx, []inventory.Key{{Location: "default", SKU: "S1"}, {Location: "default", SKU: "S2"}})
	require.NoError(t, err)
	begun, err := s.Begin(ctx)
	require.NoError(t, err)
	due := begun.(*tx)
	inTx := &recorder{ConnPool: due.conn}
	due.conn = inTx
	_, err = due.LockDue(ctx, reservation.ReleaseOnExpiry, 10)
	require.NoError(t, err)
	due.Rollback()

	explain := "EXPLAIN "
	if s.dialect.name == "sqlite" {
		explain = "EXPLAIN QUERY PLAN "
	}
	seen.statements, seen.args = append(seen.statements, inTx.statements...), append(seen.args, inTx.args...)
	require.Greater(t, len(seen.statements), 40)
	for i, statement := range seen.statements {
		if !strings.Contains(statement, " FROM ") {
			continue
		}
		rows, err := real.QueryContext(ctx, explain+statement, seen.args[i]...)
		require.NoError(t, err)
		for rows.Next() {
			require.Empty(t, scan(rows), statement)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
}

// fillTables makes rows enough that no planner would rather scan.
func fillTables(t *testing.T, s *Store) {
	t.Helper()
	const n = 5000
	now := s.dialect.time(time.Now().Add(-time.Minute))
	require.NoError(t, s.within(t.Context(), func(tx *tx) error {
		for first := 0; first < n; first += 500 {
			stocks := newStatement("INSERT INTO stocks ("+stockColumns+") VALUES ").rows(500, 6)
			holds := newStatement("INSERT INTO reservations ("+untracedColumns+") VALUES ").rows(500, 15)
			lines := newStatement("INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES ").rows(500, 4)
			for i := first; i < first+500; i++ {
				stocks.args = append(stocks.args, "default", fmt.Sprintf("S%d", i), 10, 0, 0, 1)
				holds.args = append(holds.args, i+1, fmt.Sprintf("o%d", i%5), fmt.Sprintf("R-%d", i), 1+i%6, i%12, now, 1, make([]byte, 16), now, now, 0, nil, 0, "", "")
				lines.args = append(lines.args, i+1, "default", fmt.Sprintf("S%d", i%50), 1)
			}
			for _, q := range []*statement{stocks, holds, lines} {
				if err := tx.exec(t.Context(), change{"fill", q, anyRows}); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	analyze := "ANALYZE TABLE stocks, reservations, reservation_lines"
	if s.dialect.name == "sqlite" {
		analyze = "ANALYZE"
	}
	rows, err := s.write.Statement.ConnPool.QueryContext(t.Context(), analyze)
	require.NoError(t, err)
	require.NoError(t, rows.Close())
}
