package reservation_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/reservation"
)

// However many calls want one row at the same time, it is locked and written once
// for all of them: what gathered during one transaction is the next one, and the
// row's version grows by one.
func TestAHotRowIsWrittenOnceABatch(t *testing.T) {
	for name, open := range map[string]func() (*store.Store, error){
		"SQLite": func() (*store.Store, error) {
			return store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
		},
		"MariaDB": func() (*store.Store, error) { return store.OpenMySQL(testservers.Database(t), store.Options{}) },
	} {
		t.Run(name, func(t *testing.T) {
			opened, err := open()
			s := newShopWith(t, opened, err, &openGate{}, oneCommitter)
			s.set(t, "hot", 1000)
			before := s.stock(t, "hot").Version

			begun, proceed := make(chan struct{}), make(chan struct{})
			s.store.disturb(once("begin", func() error { close(begun); <-proceed; return nil }), nil)
			calls := []*reservation.Pending{s.Ledger().Submit(t.Context(), []*reservation.Operation{holding("first", line("hot", 1))})}
			<-begun
			const more = 500
			for i := range more {
				calls = append(calls, s.Ledger().Submit(t.Context(), []*reservation.Operation{holding(fmt.Sprint(i), line("hot", 1))}))
			}
			close(proceed)
			for _, call := range calls {
				require.NoError(t, call.Wait(t.Context())[0].Err)
			}
			for _, step := range []string{"begin", "lock stocks", "write", "commit"} {
				require.Equal(t, 2, s.store.count(step), step)
			}
			row := s.stock(t, "hot")
			require.Equal(t, int64(more+1), row.Reserved)
			require.Equal(t, before+2, row.Version)
		})
	}
}
