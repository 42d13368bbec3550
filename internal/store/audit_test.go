package store

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// What is in these ledgers: every reservation i holds 1 of sku HOT at two places
// and, every tenth, 2 of a sku of its own; every third is confirmed.
const auditHolds = 200

func onEachAuditStore(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("SQLite", func(t *testing.T) {
		s, err := OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), Options{})
		test(t, filled(t, s, err))
	})
	t.Run("MariaDB", func(t *testing.T) {
		s, err := OpenMySQL(testservers.Database(t), Options{})
		test(t, filled(t, s, err))
	})
}

func filled(t *testing.T, s *Store, err error) *Store {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)

	stocks, lines, holds := auditRows()
	q := newStatement("INSERT INTO stocks ("+stockColumns+") VALUES ").rows(len(stocks), 6)
	for _, k := range stocks {
		q.args = append(q.args, k.Location, k.SKU, 10, 0, 0, 1)
	}
	write(t, s, q)
	q = newStatement("INSERT INTO reservations (rkey, owner, reservation_id, state, lane, due_at, line_count, fingerprint, created_at, checks, resolved_by, reference, reason) VALUES ").rows(len(holds), 13)
	at := s.dialect.time(auditEpoch)
	for _, r := range holds {
		q.args = append(q.args, r.Key, "shop", r.ID, r.State, 2, at, r.LineCount, r.Fingerprint[:], at, 0, 0, "", "")
	}
	write(t, s, q)
	q = newStatement("INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES ").rows(len(lines), 4)
	for _, l := range lines {
		q.args = append(q.args, l.ReservationKey, l.Location, l.SKU, l.Quantity)
	}
	write(t, s, q)
	if s.Kind() == "mysql" {
		write(t, s, newStatement("ANALYZE TABLE stocks, reservations, reservation_lines"))
	}
	return s
}

func write(t *testing.T, s *Store, q *statement) {
	t.Helper()
	require.NoError(t, s.write.Exec(q.sql.String(), q.args...).Error)
}

func auditRows() (stocks []inventory.Key, lines []AuditLine, holds []reservation.Reservation) {
	stocks = []inventory.Key{{Location: "east", SKU: "HOT"}, {Location: "west", SKU: "HOT"}}
	for i := range auditHolds {
		r := reservation.Reservation{Key: int64(1000 + 7*i), State: reservation.Reserved, LineCount: 2}
		r.Owner, r.ID = "shop", fmt.Sprintf("r%d", i)
		r.Fingerprint[0] = byte(i)
		if i%3 == 0 {
			r.State = reservation.Confirmed
		}
		add := func(location, sku string, n int64) {
			lines = append(lines, AuditLine{ReservationKey: r.Key, State: r.State, Line: inventory.Line{Key: inventory.Key{Location: location, SKU: sku}, Quantity: n}})
		}
		add("east", "HOT", 1)
		if i%10 == 0 {
			r.LineCount++
			sku := fmt.Sprintf("own-%03d", i)
			stocks = append(stocks, inventory.Key{Location: "north", SKU: sku})
			add("north", sku, 2)
		}
		add("west", "HOT", 1)
		holds = append(holds, r)
	}
	return stocks, lines, holds
}

var auditEpoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// Every row comes exactly once, in order, whatever the size of the pages.
func TestSnapshotPages(t *testing.T) {
	onEachAuditStore(t, func(t *testing.T, s *Store) {
		n, err := s.Snapshot(t.Context())
		require.NoError(t, err)
		defer n.Close()
		stocks, lines, holds := auditRows()
		bySKU := slices.Clone(lines)
		slices.SortFunc(bySKU, compareBySKU)
		unjoined := slices.Clone(lines)
		for i := range unjoined {
			unjoined[i].State = reservation.None
		}
		for _, limit := range []int{1, 3, 50, 5000} {
			t.Run(fmt.Sprint(limit), func(t *testing.T) {
				var keys []inventory.Key
				for _, stock := range all(t, limit, inventory.Key{}, func(s inventory.Stock) inventory.Key { return s.Key }, func(after inventory.Key) ([]inventory.Stock, error) {
					return n.Stocks(t.Context(), after, limit)
				}) {
					keys = append(keys, stock.Key)
				}
				require.Equal(t, stocks, keys)

				require.Equal(t, holds, all(t, limit, math.MinInt64, func(r reservation.Reservation) int64 { return r.Key }, func(after int64) ([]reservation.Reservation, error) {
					return n.Reservations(t.Context(), after, limit)
				}))
				self := func(l AuditLine) AuditLine { return l }
				require.Equal(t, unjoined, all(t, limit, FirstOf(""), self, func(after AuditLine) ([]AuditLine, error) {
					return n.Lines(t.Context(), after, limit)
				}))
				require.Equal(t, bySKU, all(t, limit, FirstOf(""), self, func(after AuditLine) ([]AuditLine, error) {
					return n.LinesBySKU(t.Context(), after, "", limit)
				}))
				require.Equal(t, bySKU[2*auditHolds:2*auditHolds+3], all(t, limit, LastOf("HOT"), self, func(after AuditLine) ([]AuditLine, error) {
					return n.LinesBySKU(t.Context(), after, "own-020", limit)
				}))
				require.Equal(t, bySKU[2*auditHolds:2*auditHolds+1], all(t, limit, FirstOf("own-000"), self, func(after AuditLine) ([]AuditLine, error) {
					return n.LinesBySKU(t.Context(), after, "own-000", limit)
				}))
			})
		}
	})
}

func all[Row, Place any](t *testing.T, limit int, after Place, placeOf func(Row) Place, read func(Place) ([]Row, error)) []Row {
	t.Helper()
	var rows []Row
	for {
		page, err := read(after)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), limit)
		rows = append(rows, page...)
		if len(page) < limit {
			return rows
		}
		after = placeOf(page[limit-1])
	}
}

func compareBySKU(a, b AuditLine) int {
	if c := strings.Compare(a.SKU, b.SKU); c != 0 {
		return c
	}
	if a.ReservationKey != b.ReservationKey {
		return int(a.ReservationKey - b.ReservationKey)
	}
	if a.Quantity != b.Quantity {
		return int(a.Quantity - b.Quantity)
	}
	return strings.Compare(a.Location, b.Location)
}

// A snapshot does not see what is committed after it was opened, in none of the
// tables, and stops nobody from committing.
func TestSnapshotStandsStill(t *testing.T) {
	onEachAuditStore(t, func(t *testing.T, s *Store) {
		n, err := s.Snapshot(t.Context())
		require.NoError(t, err)
		defer n.Close()
		write(t, s, newStatement("UPDATE stocks SET reserved = 77"))
		write(t, s, newStatement("DELETE FROM reservation_lines"))
		write(t, s, newStatement("UPDATE reservations SET state = 5"))

		stocks, err := n.Stocks(t.Context(), inventory.Key{}, 1)
		require.NoError(t, err)
		require.Zero(t, stocks[0].Reserved)
		lines, err := n.LinesBySKU(t.Context(), FirstOf(""), "", 1)
		require.NoError(t, err)
		require.Equal(t, reservation.Confirmed, lines[0].State)
		lines, err = n.Lines(t.Context(), FirstOf(""), 1)
		require.NoError(t, err)
		require.Len(t, lines, 1)
		holds, err := n.Reservations(t.Context(), 0, 1)
		require.NoError(t, err)
		require.Equal(t, reservation.Confirmed, holds[0].State)

		later, err := s.Snapshot(t.Context())
		require.NoError(t, err)
		defer later.Close()
		stocks, err = later.Stocks(t.Context(), inventory.Key{}, 1)
		require.NoError(t, err)
		require.Equal(t, int64(77), stocks[0].Reserved)
	})
}

func TestSnapshotEndsWithItsCaller(t *testing.T) {
	onEachAuditStore(t, func(t *testing.T, s *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		n, err := s.Snapshot(ctx)
		require.NoError(t, err)
		cancel()
		_, err = n.Stocks(ctx, inventory.Key{}, 1)
		require.ErrorIs(t, err, context.Canceled)
		n.Close()
		require.NoError(t, s.Ping(t.Context()), "the connection, or another, still serves")
	})
}

// Odd rows come as they are: it is for the audit to say that they are odd.
func TestSnapshotReadsNonsense(t *testing.T) {
	s, err := OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), Options{})
	filled(t, s, err)
	write(t, s, newStatement("UPDATE reservations SET state = 300, fingerprint = x'0102' WHERE rkey = 1000"))
	write(t, s, newStatement("UPDATE reservation_lines SET rkey = -5 WHERE rkey = 1007"))
	n, err := s.Snapshot(t.Context())
	require.NoError(t, err)
	defer n.Close()
	holds, err := n.Reservations(t.Context(), math.MinInt64, 1)
	require.NoError(t, err)
	require.Equal(t, reservation.State(255), holds[0].State)
	require.Equal(t, reservation.Fingerprint{1, 2}, holds[0].Fingerprint)
	lines, err := n.LinesBySKU(t.Context(), FirstOf("HOT"), "HOT", 3)
	require.NoError(t, err)
	require.Equal(t, int64(-5), lines[0].ReservationKey)
	require.Equal(t, reservation.None, lines[0].State)
	require.Equal(t, reservation.State(255), lines[2].State)
}
