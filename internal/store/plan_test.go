package store

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
	"stockhold/inventory"
)

// A locking read that falls back to a scan would lock the whole table. The plan
// must stay a range over the named keys, from one key to a full chunk.
func TestLockingReadsGoByTheirIndex(t *testing.T) {
	s, err := OpenMySQL(testservers.Database(t), Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	pool, err := s.write.DB()
	require.NoError(t, err)
	fill := func(sql string) {
		_, err := pool.Exec(sql)
		require.NoError(t, err)
	}
	fill(`INSERT INTO stocks SELECT 'default', CONCAT('SKU-', seq), 100, 0, 0, 1 FROM seq_1_to_20000`)
	fill(`INSERT INTO reservations SELECT seq, 'default', CONCAT('R-', seq), 1 + seq % 6, 2, '2026-01-01', 1, '0123456789abcdef', '2026-01-01', '2026-01-01', 0, NULL, 0, '', '', NULL FROM seq_1_to_20000`)
	fill(`INSERT INTO reservation_lines SELECT seq, 'default', CONCAT('SKU-', seq % 100), 1 FROM seq_1_to_20000`)
	fill(`ANALYZE TABLE stocks, reservations, reservation_lines`)

	for _, n := range []int{1, 10, 300, lockChunk} {
		keys := make([]inventory.Key, n)
		ids := make([]inventory.HoldID, n)
		rkeys := make([]int64, n)
		for i := range n {
			keys[i] = inventory.Key{Location: "default", SKU: fmt.Sprintf("SKU-%d", 1+i*19)}
			ids[i] = inventory.HoldID{Owner: "default", ID: fmt.Sprintf("R-%d", 1+i*19)}
			rkeys[i] = int64(1 + i*19)
		}
		d := s.dialect
		q := newStatement("SELECT " + stockColumns + " FROM stocks" + d.index("PRIMARY") + " WHERE (location_id, sku) IN (" + d.pairs)
		requirePlan(t, pool, q.keys(keys).add(") ORDER BY location_id, sku"+d.lock), "PRIMARY", n)
		q = newStatement("SELECT " + reservationColumns + " FROM reservations" + d.index("by_id") + " WHERE (owner, reservation_id) IN (" + d.pairs)
		requirePlan(t, pool, q.holds(ids).add(") ORDER BY owner, reservation_id"+d.lock), "by_id", n)
		q = in(newStatement("SELECT rkey, location_id, sku, quantity FROM reservation_lines WHERE rkey IN "), rkeys)
		requirePlan(t, pool, q, "PRIMARY", n)
		requirePlan(t, pool, in(newStatement("UPDATE reservations SET checks = ? WHERE state = ? AND rkey IN ", 1, 1), rkeys), "PRIMARY", n)
		requirePlan(t, pool, in(newStatement("DELETE FROM reservation_lines WHERE rkey IN "), rkeys), "PRIMARY", n)
	}
}

func requirePlan(t *testing.T, pool *sql.DB, q *statement, index string, n int) {
	t.Helper()
	rows, err := pool.QueryContext(context.Background(), "EXPLAIN "+q.sql.String(), q.args...)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id, selectType, table, kind, possible, key, keyLen, ref, extra sql.NullString
		var examined int
		require.NoError(t, rows.Scan(&id, &selectType, &table, &kind, &possible, &key, &keyLen, &ref, &examined, &extra))
		t.Logf("%d keys: %s %s by %s, %d rows, %s", n, table.String, kind.String, key.String, examined, extra.String)
		require.Contains(t, []string{"range", "const", "eq_ref", "ref"}, kind.String, "n=%d", n)
		require.Equal(t, index, key.String)
		require.LessOrEqual(t, examined, 2*n)
	}
	require.NoError(t, rows.Err())
}
