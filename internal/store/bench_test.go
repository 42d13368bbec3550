package store_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// BenchmarkTry holds one line in the ledger alone, without RPC and gate.
func BenchmarkTry(b *testing.B) {
	for _, skus := range []int{1000, 1} {
		b.Run(fmt.Sprintf("MariaDB/skus=%d", skus), func(b *testing.B) {
			s, err := store.OpenMySQL(testservers.Database(b), store.Options{})
			benchmarkTry(b, s, err, skus)
		})
		b.Run(fmt.Sprintf("SQLite/skus=%d", skus), func(b *testing.B) {
			s, err := store.OpenSQLite(b.TempDir()+"/ledger.db", store.Options{})
			benchmarkTry(b, s, err, skus)
		})
	}
}

func benchmarkTry(b *testing.B, s *store.Store, err error, skus int) {
	require.NoError(b, err)
	defer s.Close()
	_, err = s.Migrate(b.Context())
	require.NoError(b, err)
	service := serve(b, s)
	changes := make([]inventory.Change, skus)
	for i := range changes {
		changes[i] = inventory.Change{Key: key(fmt.Sprintf("SKU-%d", i)), Set: true, Amount: 1e9}
	}
	for _, answer := range service.Change(b.Context(), changes) {
		require.NoError(b, answer.Err)
	}
	var n atomic.Int64
	b.SetParallelism(64)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			request := reservation.TryRequest{
				ID:    id(fmt.Sprintf("order-%d", n.Add(1))),
				Lines: []inventory.Line{line(fmt.Sprintf("SKU-%d", rand.IntN(skus)), 1)},
				TTL:   time.Minute,
			}
			if answer := service.Try(b.Context(), []reservation.TryRequest{request})[0]; answer.Err != nil {
				b.Error(answer.Err)
			}
		}
	})
}
