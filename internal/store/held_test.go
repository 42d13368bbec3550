package store

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// Only what is RESERVED counts, only this owner's, and every line of it.
func TestHeldUnitsAreAddedUp(t *testing.T) {
	s, err := OpenSQLite(t.TempDir()+"/ledger.db", Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	pool, err := s.write.DB()
	require.NoError(t, err)
	for i, r := range []struct {
		owner string
		state int
	}{{"shop-a", 1}, {"shop-a", 1}, {"shop-a", 2}, {"shop-a", 4}, {"shop-b", 1}, {"SHOP-A", 1}} {
		_, err := pool.Exec(`INSERT INTO reservations (rkey, owner, reservation_id, state, lane, due_at, line_count, fingerprint, created_at, checks, resolved_by, reference, reason)
			VALUES (?, ?, ?, ?, 2, 0, 2, x'00000000000000000000000000000000', 0, 0, 0, '', '')`, i, r.owner, fmt.Sprint("R-", i), r.state)
		require.NoError(t, err)
		_, err = pool.Exec(`INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES (?, 'default', 'mug', 1000000000), (?, 'default', 'cup', 5)`, i, i)
		require.NoError(t, err)
	}
	for owner, want := range map[string]int64{"shop-a": 2 * 1_000_000_005, "shop-b": 1_000_000_005, "nobody": 0} {
		units, err := s.Held(t.Context(), owner)
		require.NoError(t, err)
		require.Equal(t, want, units, owner)
	}
}

// Neither table is scanned, however many reservations others have.
func TestHeldUnitsAreFoundByIndex(t *testing.T) {
	s, err := OpenMySQL(testservers.Database(t), Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	pool, err := s.write.DB()
	require.NoError(t, err)
	for _, fill := range []string{
		`INSERT INTO reservations SELECT seq, IF(seq % 1000, 'others', 'shop-a'), CONCAT('R-', seq), 1, 2, '2026-01-01', 1, '0123456789abcdef', '2026-01-01', '2026-01-01', 0, NULL, 0, '', '', NULL FROM seq_1_to_20000`,
		`INSERT INTO reservation_lines SELECT seq, 'default', 'mug', 3 FROM seq_1_to_20000`,
		`ANALYZE TABLE reservations, reservation_lines`,
	} {
		_, err := pool.Exec(fill)
		require.NoError(t, err)
	}
	units, err := s.Held(t.Context(), "shop-a")
	require.NoError(t, err)
	require.Equal(t, int64(60), units)

	q := s.held("shop-a")
	rows, err := pool.QueryContext(context.Background(), "EXPLAIN "+q.sql.String(), q.args...)
	require.NoError(t, err)
	defer rows.Close()
	used := map[string]string{}
	for rows.Next() {
		var id, selectType, table, kind, possible, key, keyLen, ref, extra sql.NullString
		var examined int
		require.NoError(t, rows.Scan(&id, &selectType, &table, &kind, &possible, &key, &keyLen, &ref, &examined, &extra))
		used[table.String] = kind.String + " " + key.String
		require.LessOrEqual(t, examined, 40)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, map[string]string{"r": "ref by_owner", "l": "ref PRIMARY"}, used)
}
