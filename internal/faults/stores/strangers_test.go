//go:build faults

package stores_test

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
)

// strangerAtWork locks stock rows from the last to the first, until told to leave.
func strangerAtWork(t *testing.T, db *sql.DB) (leave func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = backwards(ctx, db)            // it may lose, too
			time.Sleep(10 * time.Millisecond) // so that somebody else gets on
		}
	}()
	t.Cleanup(cancel)
	return func() {
		cancel()
		<-done
	}
}

func backwards(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "UPDATE stranger SET v = v + 1"); err != nil {
		return err
	}
	for _, sku := range []string{"order-scarce-3", "order-scarce-1", "order-ample-2", "order-ample-0"} {
		if _, err := tx.ExecContext(ctx, "SELECT 1 FROM stocks WHERE location_id = 'default' AND sku = ? FOR UPDATE", sku); err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // for the others to lock the next row
	}
	return tx.Commit()
}

// crowd opens connections and keeps them, as many as there are to be had, until
// it leaves. here is how many it has.
func crowd(t *testing.T, site *faults.Site) (here func() int64, leave func()) {
	db, err := sql.Open("mysql", site.DB.UserDSN("stockhold"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var inside atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		var kept []*sql.Conn // for the pool to make a new one each time
		for ctx.Err() == nil {
			connection, err := db.Conn(ctx)
			if err != nil {
				time.Sleep(time.Millisecond)
				continue
			}
			kept = append(kept, connection)
			inside.Add(1)
		}
		for _, connection := range kept {
			_ = connection.Close()
		}
		_ = db.Close()
	}()
	t.Cleanup(cancel)
	return inside.Load, func() {
		cancel()
		<-done
	}
}
