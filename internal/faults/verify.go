package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// Verdict is what a comparison of books found.
type Verdict struct {
	Orders     int
	Held       int   // orders whose Try was answered OK
	Lost       int   // of those, how many stockhold does not know any more, or does not hold as it said
	Oversold   int64 // units that stockhold promised beyond what there was
	Mismatches []string
}

// Err is nil if nothing differs.
func (v Verdict) Err() error {
	if len(v.Mismatches) == 0 {
		return nil
	}
	shown := v.Mismatches[:min(len(v.Mismatches), 20)]
	return fmt.Errorf("%d of the shop's books and stockhold's differ:\n%s", len(v.Mismatches), strings.Join(shown, "\n"))
}

// verifyPatience is how long a busy server is asked about one order or sku.
const verifyPatience = time.Minute

// Verify holds the shop's books against stockhold's, order by order and sku by
// sku. It is for a system at rest: every order decided, and nothing held.
func (s *Shop) Verify(ctx context.Context, client *Client) (Verdict, error) {
	s.mu.Lock()
	orders := make([]*order, 0, len(s.orders))
	for _, o := range s.orders {
		orders = append(orders, o)
	}
	s.mu.Unlock()
	states := make([]stockholdv1.State, len(orders))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, o := range orders {
		group.Go(func() error {
			answer, err := Persist(reading, verifyPatience, func(ctx context.Context) (*stockholdv1.GetReservationResponse, error) {
				return client.GetReservation(ctx, &stockholdv1.GetReservationRequest{ReservationId: o.id, Owner: Owner})
			})
			if err != nil && Refusal(err).GetReason() != stockholdv1.Reason_REASON_NOT_FOUND {
				return fmt.Errorf("read %s: %w", o.id, err)
			}
			states[i] = answer.GetReservation().GetState()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Verdict{}, err
	}
	v := Verdict{Orders: len(orders)}
	v.Mismatches = append(v.Mismatches, s.Tally.Broken()...)
	committed, shipped := map[string]int64{}, map[string]int64{}
	for i, o := range orders {
		v.compare(o, states[i])
		for _, line := range o.lines {
			switch states[i] {
			case stockholdv1.State_STATE_CONFIRMED:
				committed[line.GetSku()] += int64(line.GetQuantity())
			case stockholdv1.State_STATE_FULFILLED:
				shipped[line.GetSku()] += int64(line.GetQuantity())
			}
		}
	}
	return v, s.compareStock(ctx, client, &v, committed, shipped)
}

// compare holds one order against the state of its reservation.
func (v *Verdict) compare(o *order, state stockholdv1.State) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var allowed []stockholdv1.State
	switch {
	case o.word == commit && o.asked != stockholdv1.State_STATE_UNSPECIFIED && o.sure:
		allowed = []stockholdv1.State{o.asked}
	case o.word == commit && o.asked != stockholdv1.State_STATE_UNSPECIFIED:
		allowed = []stockholdv1.State{o.asked, stockholdv1.State_STATE_CONFIRMED}
	case o.word == commit:
		allowed = []stockholdv1.State{stockholdv1.State_STATE_CONFIRMED}
	case o.word == abort && o.held:
		allowed = []stockholdv1.State{stockholdv1.State_STATE_CANCELED}
	case o.word == abort: // whether the Try or the Cancel ever arrived, nobody knows
		allowed = []stockholdv1.State{stockholdv1.State_STATE_CANCELED, stockholdv1.State_STATE_UNSPECIFIED}
	}
	if o.held {
		v.Held++
	}
	if slices.Contains(allowed, state) {
		return
	}
	if o.held {
		v.Lost++
	}
	v.Mismatches = append(v.Mismatches, fmt.Sprintf("%s: held %t, the shop's word is %d, asked %s (sure %t), but it is %s",
		o.id, o.held, o.word, o.asked, o.sure, state))
}

// compareStock holds what the reservations add up to against the stock rows.
func (s *Shop) compareStock(ctx context.Context, client *Client, v *Verdict, committed, shipped map[string]int64) error {
	check := func(sku string, units int64) error {
		answer, err := Persist(ctx, verifyPatience, func(ctx context.Context) (*stockholdv1.GetStockResponse, error) {
			return client.Stock.GetStock(ctx, &stockholdv1.GetStockRequest{Sku: sku})
		})
		if err != nil {
			return fmt.Errorf("read the stock of %s: %w", sku, err)
		}
		row := answer.GetStock()
		got := [3]int64{row.GetOnHand(), row.GetReserved(), row.GetCommitted()}
		want := [3]int64{units - shipped[sku], 0, committed[sku]}
		if got != want {
			v.Mismatches = append(v.Mismatches, fmt.Sprintf("%s: on hand, reserved and committed are %v, not %v", sku, got, want))
		}
		if over := committed[sku] + shipped[sku] - units; over > 0 {
			v.Oversold += over
			v.Mismatches = append(v.Mismatches, fmt.Sprintf("%s: %d units more were sold than there were", sku, over))
		}
		return nil
	}
	for i := range s.opts.Ample {
		if err := check(s.ample(i), ampleUnits); err != nil {
			return err
		}
	}
	for i := range s.opts.Scarce {
		if err := check(s.scarce(i), s.opts.Units); err != nil {
			return err
		}
	}
	return nil
}

// Rest waits until nothing is held any more and the audit of ledger and gate is
// clean, and returns how long that took.
func (s *Site) Rest(ctx context.Context, client *Client) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	began := time.Now()
	var last error // before the time was over
	for {
		why := s.unrest(ctx, client)
		if why == nil {
			return time.Since(began), nil
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("the system does not come to rest: %w", cmp.Or(last, why))
		}
		last = why
		pause(ctx, 100*time.Millisecond)
	}
}

// Unrest says what keeps the system from rest at this moment, or nil.
func (s *Site) Unrest(ctx context.Context, client *Client) error { return s.unrest(ctx, client) }

func (s *Site) unrest(ctx context.Context, client *Client) error {
	held, err := client.ListReservations(ctx, &stockholdv1.ListReservationsRequest{
		Owner: Owner, States: []stockholdv1.State{stockholdv1.State_STATE_RESERVED}, PageSize: 5})
	if err != nil {
		return err
	}
	if n := len(held.GetReservations()); n > 0 {
		return fmt.Errorf("%d or more are still held, such as %v", n, held.GetReservations()[0])
	}
	if held.GetNextPageToken() != "" { // all of this page ended while it was read
		return errors.New("there are more pages of what is still held")
	}
	return s.Audit(ctx)
}

// Audit runs `stockhold audit --strict`; nil means that ledger and gate are in order.
func (s *Site) Audit(ctx context.Context) error {
	_, err := s.Run(ctx, "audit", "--strict")
	return err
}

// Judge is the end of an attempt: the system comes to rest, and the shop's books
// and stockhold's agree.
func (s *Site) Judge(ctx context.Context, client *Client, shop *Shop) (Verdict, time.Duration, error) {
	took, err := s.Rest(ctx, client)
	if err != nil {
		return Verdict{}, 0, err
	}
	verdict, err := shop.Verify(ctx, client)
	return verdict, took, errors.Join(err, verdict.Err())
}
