package stage

import (
	"context"
	"database/sql"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"stockhold/internal/bench/bulk"
	"stockhold/internal/bench/peers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// Past is what a ledger already holds when callers come: reservations of one
// unit each, over all skus.
type Past struct {
	reservations int
	seed         uint64
	lastKey      int64 // no row has a larger one

	// shape fills in what became of a row, and when.
	shape func(i int, lot int, row *pastRow)
}

// pastRow is one reservation.
type pastRow struct {
	key      int64
	id       string
	sku      int // its index in the stock
	state    reservation.State
	policy   reservation.OnExpiry
	created  time.Time
	expires  time.Time
	resolved time.Time // zero while RESERVED
}

// What became of past trade, in the hundred.
const (
	tradeReserved  = 2 // not due before the run is over
	tradeConfirmed = 30
	tradeCanceled  = 8 // the rest is FULFILLED
)

// Trade was made over so many days: fewer than what has ended is kept for, or the
// sweeper would purge it while calls are measured.
const tradeDays = 20

// Trade is the past of a busy shop: some reservations are held, more confirmed,
// most have ended.
func Trade(reservations int, seed uint64) *Past {
	const day = 24 * time.Hour
	until := time.Now().UTC().Truncate(time.Hour)
	start, step := until.Add(-tradeDays*day), tradeDays*day/time.Duration(reservations+1)
	return &Past{
		reservations: reservations, seed: seed, lastKey: reservation.KeysFrom(until),
		shape: func(i, lot int, row *pastRow) {
			row.created = start.Add(time.Duration(i) * step)
			row.key = reservation.KeysFrom(row.created) + int64(i%1000)
			row.policy = reservation.ReleaseOnExpiry
			row.expires, row.resolved = row.created.Add(15*time.Minute), row.created.Add(10*time.Minute)
			switch {
			case lot < tradeReserved:
				row.state = reservation.Reserved
				row.expires, row.resolved = until.Add(10*day), time.Time{}
			case lot < tradeReserved+tradeConfirmed:
				row.state = reservation.Confirmed
			case lot < tradeReserved+tradeConfirmed+tradeCanceled:
				row.state = reservation.Canceled
			default:
				row.state = reservation.Fulfilled
			}
		},
	}
}

// Overdue are holds of one policy that nobody confirmed or canceled, and when
// each of them expires.
func Overdue(holds int, policy reservation.OnExpiry, seed uint64, expires func(i int) time.Time) *Past {
	created := time.Now().UTC().Add(-time.Hour)
	return &Past{
		reservations: holds, seed: seed, lastKey: reservation.KeysFrom(created) + int64(holds),
		shape: func(i, _ int, row *pastRow) {
			row.key, row.created = reservation.KeysFrom(created)+int64(i), created
			row.state, row.policy, row.expires = reservation.Reserved, policy, expires(i)
		},
	}
}

// each makes the rows in key order, the same ones at every call.
func (p *Past) each(skus int, do func(*pastRow) error) error {
	random := rand.New(rand.NewPCG(p.seed, 0x9a57))
	var raw [12]byte
	var row pastRow
	for i := range p.reservations {
		for j := range raw {
			raw[j] = byte(random.Uint32())
		}
		row = pastRow{id: hex.EncodeToString(raw[:]), sku: random.IntN(skus)}
		p.shape(i, random.IntN(100), &row)
		if err := do(&row); err != nil {
			return err
		}
	}
	return nil
}

// pastCounts are the counters of the stock rows that the past makes.
type pastCounts struct{ held, taken []int64 }

func (p *Past) load(ctx context.Context, db *sql.DB, stock []peers.Stock) (pastCounts, error) {
	counts := pastCounts{held: make([]int64, len(stock)), taken: make([]int64, len(stock))}
	err := bulk.Load(ctx, db, "reservations", reservationColumns, func(w *bulk.Writer) error {
		return p.each(len(stock), func(row *pastRow) error {
			switch row.state {
			case reservation.Reserved:
				counts.held[row.sku]++
			case reservation.Confirmed:
				counts.taken[row.sku]++
			}
			return row.write(w, stock[row.sku].SKU)
		})
	})
	if err != nil {
		return counts, err
	}
	return counts, bulk.Load(ctx, db, "reservation_lines", "rkey, location_id, sku, quantity", func(w *bulk.Writer) error {
		return p.each(len(stock), func(row *pastRow) error {
			return w.Row(row.key, reservation.DefaultName, stock[row.sku].SKU, 1)
		})
	})
}

const reservationColumns = "rkey, owner, reservation_id, state, lane, due_at, line_count, fingerprint, " +
	"created_at, expires_at, checks, parked_at, resolved_by, reference, reason"

// write puts the row as stockhold writes it.
func (r *pastRow) write(w *bulk.Writer, sku string) error {
	due, by := r.expires, reservation.Nobody
	if !r.resolved.IsZero() {
		due, by = r.resolved, reservation.ByCaller
	}
	mark := reservation.FingerprintOf([]inventory.Line{{Key: inventory.Key{Location: reservation.DefaultName, SKU: sku}, Quantity: 1}})
	return w.Row(r.key, reservation.DefaultName, r.id, int(r.state), int(r.policy), sqlTime(due), 1, mark[:],
		sqlTime(r.created), sqlTime(r.expires), 0, bulk.Null{}, int(by), "", "")
}

func sqlTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }
