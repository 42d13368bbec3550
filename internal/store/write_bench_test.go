package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
)

// BenchmarkWrite puts a batch's differences into statements and arguments, for a
// database that takes everything and keeps nothing.
func BenchmarkWrite(b *testing.B) {
	for _, rows := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("reservations=%d", rows), func(b *testing.B) {
			t := &tx{store: &Store{dialect: mysqlDialect}, conn: nowhere{}}
			changes := benchChanges(rows)
			b.ReportAllocs()
			for b.Loop() {
				if err := t.Write(b.Context(), changes); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/reservation")
		})
	}
}

func benchChanges(rows int) *reservation.Changes {
	now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	changes := &reservation.Changes{}
	for i := range rows {
		key := inventory.Key{Location: "default", SKU: fmt.Sprintf("sku-%06d", i)}
		changes.NewReservations = append(changes.NewReservations, &reservation.Reservation{
			HoldID: inventory.HoldID{Owner: "default", ID: fmt.Sprintf("order-%06d", i)}, Key: int64(i + 1), State: reservation.Reserved,
			Lines: []inventory.Line{{Key: key, Quantity: 1}}, LineCount: 1, OnExpiry: reservation.ReleaseOnExpiry,
			CreatedAt: now, ExpiresAt: now.Add(time.Hour), NextCheckAt: now.Add(time.Hour),
		})
		changes.Stocks = append(changes.Stocks, inventory.Stock{Key: key, OnHand: 1e9, Reserved: int64(i), Version: 2})
	}
	return changes
}

// nowhere is a connection that takes every statement.
type nowhere struct{}

var errNowhere = errors.New("there is nothing to read here")

func (nowhere) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return driver.RowsAffected(1), nil
}

func (nowhere) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, errNowhere }

func (nowhere) QueryContext(context.Context, string, ...any) (*sql.Rows, error) {
	return nil, errNowhere
}

func (nowhere) QueryRowContext(context.Context, string, ...any) *sql.Row { return nil }
