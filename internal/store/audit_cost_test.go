package store

import (
	"context"
	"database/sql"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"stockhold/inventory"
)

// A page costs what it brings, wherever in the table it begins: no statement
// sorts, and none looks at rows before or behind its page. This is what keeps a
// sku with millions of lines from outlasting a time-out.
func TestSnapshotPagesCostWhatTheyBring(t *testing.T) {
	const limit = 10
	pages := map[string]func(ctx context.Context, n *Snapshot) (int, error){
		"reservations from the start": func(ctx context.Context, n *Snapshot) (int, error) {
			page, err := n.Reservations(ctx, math.MinInt64, limit)
			return len(page), err
		},
		"reservations in the middle": func(ctx context.Context, n *Snapshot) (int, error) {
			page, err := n.Reservations(ctx, 1000+7*auditHolds/2, limit)
			return len(page), err
		},
		"lines in the middle": func(ctx context.Context, n *Snapshot) (int, error) {
			page, err := n.Lines(ctx, AuditLine{ReservationKey: 1000 + 7*auditHolds/2, Line: inventory.Line{Key: inventory.Key{Location: "north", SKU: "own-100"}}}, limit)
			return len(page), err
		},
		"lines from the start": func(ctx context.Context, n *Snapshot) (int, error) {
			page, err := n.Lines(ctx, FirstOf(""), limit)
			return len(page), err
		},
		"stock rows": func(ctx context.Context, n *Snapshot) (int, error) {
			page, err := n.Stocks(ctx, inventory.Key{Location: "east", SKU: "HOT"}, limit)
			return len(page), err
		},
		"a hot sku in the middle": func(ctx context.Context, n *Snapshot) (int, error) {
			page, err := n.LinesBySKU(ctx, AuditLine{ReservationKey: 1000 + 7*auditHolds/2, Line: inventory.Line{Key: inventory.Key{Location: "east", SKU: "HOT"}, Quantity: 1}}, "own-190", limit)
			return len(page), err
		},
		"a hot sku from its start": func(ctx context.Context, n *Snapshot) (int, error) {
			page, err := n.LinesBySKU(ctx, FirstOf("HOT"), "HOT", limit)
			return len(page), err
		},
		"the skus after a hot one": func(ctx context.Context, n *Snapshot) (int, error) {
			page, err := n.LinesBySKU(ctx, LastOf("HOT"), "", limit)
			return len(page), err
		},
	}
	onEachAuditStore(t, func(t *testing.T, s *Store) {
		for name, page := range pages {
			t.Run(name, func(t *testing.T) {
				n, err := s.Snapshot(t.Context())
				require.NoError(t, err)
				defer n.Close()
				n.conn = &explained{ConnPool: n.tx, t: t, kind: s.Kind()}
				before := rowsRead(t, n)
				count, err := page(t.Context(), n)
				require.NoError(t, err)
				require.Equal(t, limit, count)
				if s.Kind() == "mysql" {
					// Each line finds its reservation, and a page may end inside of one.
					require.Less(t, rowsRead(t, n)-before, int64(3*limit))
				}
			})
		}
	})
}

// rowsRead is how many rows and index entries this session has read so far.
func rowsRead(t *testing.T, n *Snapshot) int64 {
	t.Helper()
	if n.store.Kind() != "mysql" {
		return 0
	}
	total := int64(0)
	q := newStatement("SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_first','Handler_read_key','Handler_read_last','Handler_read_next','Handler_read_prev','Handler_read_rnd')")
	require.NoError(t, queryRows(t.Context(), n.tx, q, func(rows *sql.Rows) error {
		var name string
		var value int64
		err := rows.Scan(&name, &value)
		total += value
		return err
	}))
	return total
}

// explained fails the test for a statement that sorts or scans a whole table.
type explained struct {
	gorm.ConnPool
	t    *testing.T
	kind string
}

func (e *explained) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	explain := "EXPLAIN QUERY PLAN "
	if e.kind == "mysql" {
		explain = "EXPLAIN "
	}
	rows, err := e.ConnPool.QueryContext(ctx, explain+query, args...)
	require.NoError(e.t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(e.t, err)
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(e.t, rows.Scan(into...))
		var plan []string
		for i, v := range values {
			plan = append(plan, columns[i]+"="+v.String)
		}
		step := strings.Join(plan, " ")
		for _, bad := range []string{"filesort", "temporary", "type=ALL", "type=index ", "SCAN", "TEMP B-TREE"} {
			require.NotContains(e.t, step, bad, query)
		}
	}
	require.NoError(e.t, rows.Err())
	return e.ConnPool.QueryContext(ctx, query, args...)
}
