package store_test

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// pages walks a listing to its end.
func pages(t *testing.T, service *reservation.Service, filter reservation.Filter, limit int) (names []string) {
	t.Helper()
	var after int64
	for {
		page, next, err := service.List(t.Context(), filter, after, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), limit)
		for _, r := range page {
			names = append(names, r.ID)
		}
		if next == 0 {
			return names
		}
		require.Greater(t, next, after)
		after = next
	}
}

func TestListingsWalkEachFilterOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 1000)
		stocked(t, service, "B", 1000)
		var all, confirmed, withB []string
		var middle time.Time
		for i := range 25 {
			name := fmt.Sprintf("r%02d", i)
			lines := []inventory.Line{line("A", 1)}
			if i%5 == 0 {
				lines = append(lines, line("B", 1))
				withB = append(withB, name)
			}
			answer := hold(t, service, id(name), lines...)
			require.NoError(t, answer.Err)
			if i == 12 {
				middle = answer.Reservation.CreatedAt
			}
			if i%3 == 0 {
				require.NoError(t, do(t, service, reservation.Confirm, id(name)).Err)
				confirmed = append(confirmed, name)
			}
			all = append(all, name)
		}
		holdFor(t, service, "other", "theirs", time.Minute)

		for _, limit := range []int{1, 2, 7, 25, 50} {
			require.Equal(t, all, pages(t, service, reservation.Filter{}, limit))
			require.Equal(t, confirmed, pages(t, service, reservation.Filter{States: []reservation.State{reservation.Confirmed}}, limit))
			require.Equal(t, withB, pages(t, service, reservation.Filter{SKU: "B"}, limit))
			require.Equal(t, withB, pages(t, service, reservation.Filter{SKU: "B", Location: "default"}, limit))
			require.Empty(t, pages(t, service, reservation.Filter{SKU: "B", Location: "elsewhere"}, limit))
			require.Equal(t, all, pages(t, service, reservation.Filter{Location: "default"}, limit))
			require.Empty(t, pages(t, service, reservation.Filter{Location: "elsewhere"}, limit))
			require.Equal(t, all[12:], pages(t, service, reservation.Filter{CreatedAfter: middle}, limit))
			require.Equal(t, all[:12], pages(t, service, reservation.Filter{CreatedBefore: middle}, limit))
			require.Equal(t, []string{"theirs"}, pages(t, service, reservation.Filter{Owner: "other"}, limit))
			require.Empty(t, pages(t, service, reservation.Filter{Owner: "nobody"}, limit))
		}
	})
}

func TestStockListingsWalkEachFilterOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		var changes []inventory.Change
		var want []inventory.Key
		for _, location := range []string{"east", "west"} {
			for i := range 6 {
				k := inventory.Key{Location: location, SKU: fmt.Sprintf("S%d", i)}
				want = append(want, k)
				changes = append(changes, inventory.Change{Key: k, Set: true, Amount: 1})
			}
		}
		for _, answer := range service.Change(t.Context(), changes) {
			require.NoError(t, answer.Err)
		}
		walk := func(sku, location string, limit int) (keys []inventory.Key) {
			var after inventory.Key
			for {
				page, err := service.ListStock(t.Context(), sku, location, after, limit)
				require.NoError(t, err)
				for _, s := range page {
					keys = append(keys, s.Key)
				}
				if len(page) < limit {
					return keys
				}
				after = page[len(page)-1].Key
			}
		}
		for _, limit := range []int{1, 4, 12, 50} {
			require.Equal(t, want, walk("", "", limit))
			require.Equal(t, want[6:], walk("", "west", limit))
			require.Equal(t, []inventory.Key{want[3], want[9]}, walk("S3", "", limit))
			require.Equal(t, []inventory.Key{want[9]}, walk("S3", "west", limit))
		}
	})
}

// Names compare by bytes on every store: case, and nothing else, tells these apart.
func TestNamesCompareByBytes(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "sku-a", 1)
		stocked(t, service, "SKU-A", 2)
		require.NoError(t, hold(t, service, id("Order"), line("sku-a", 1)).Err)
		require.NoError(t, hold(t, service, id("ORDER"), line("SKU-A", 2)).Err)
		require.Equal(t, int64(1), stock(t, service, "sku-a").Reserved)
		require.Equal(t, int64(2), stock(t, service, "SKU-A").Reserved)
	})
}

// Two migrations at once do the work once.
func TestConcurrentMigrations(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				applied, err := s.Migrate(t.Context())
				require.NoError(t, err)
				require.Empty(t, applied)
			})
		}
		wg.Wait()
		have, want, err := s.Schema(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, have)
		require.NoError(t, s.Ping(t.Context()))
	})
}

// A migration waits for another one for longer than any statement of the ledger may take.
func TestMigrationWaitsForAnother(t *testing.T) {
	dsn := testservers.Database(t)
	s := openMariaDB(t, dsn)
	other, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	defer other.Close()
	conn, err := other.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "DO GET_LOCK(CONCAT('stockhold.migrate.', DATABASE()), 0)")
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := s.Migrate(t.Context())
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("it did not wait: %v", err)
	case <-time.After(6 * time.Second): // the ledger's connections would give up after 5
	}
	_, err = conn.ExecContext(t.Context(), "DO RELEASE_ALL_LOCKS()")
	require.NoError(t, err)
	require.NoError(t, <-done)
}
