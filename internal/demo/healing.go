package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

const pageSize = 200

// eachReservation reads the run's reservations, in order of creation.
func (s *shop) eachReservation(ctx context.Context, states []stockholdv1.State, do func(*stockholdv1.Reservation)) error {
	request := &stockholdv1.ListReservationsRequest{Owner: s.run, States: states, PageSize: pageSize}
	for {
		page, err := read(ctx, s.wire, "a page of reservations", request, s.wire.reservations.ListReservations)
		if err != nil {
			return err
		}
		for _, r := range page.GetReservations() {
			do(r)
		}
		request.PageToken = page.GetNextPageToken()
		if request.PageToken == "" {
			return nil
		}
	}
}

// awaitHealing returns when no hold is open any more. Until then the sweeper is
// given time, as long as it makes headway.
func (s *shop) awaitHealing(ctx context.Context, progress *progress) error {
	most, fewest := 0, -1
	headway := time.Now()
	for {
		open := 0
		err := s.eachReservation(ctx, []stockholdv1.State{stockholdv1.State_STATE_RESERVED}, func(*stockholdv1.Reservation) { open++ })
		if err != nil {
			return err
		}
		if most == 0 {
			most = open
			progress.begin("healing", "holds", most)
		}
		progress.set(most - open)
		if open == 0 {
			progress.end()
			return nil
		}
		if fewest < 0 || open < fewest {
			fewest, headway = open, time.Now()
		}
		if limit := s.opts.TTL + s.opts.Patience; time.Since(headway) > limit {
			progress.end()
			return fmt.Errorf("%d holds are open, and the sweeper has ended none for %s", open, limit)
		}
		if err := sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// Healing is what the sweeper ended.
type Healing struct {
	Confirmed int64 `json:"confirmed"` // the Confirm was lost, and the owner said COMMIT
	Released  int64 `json:"released"`  // the Cancel was lost, and the owner said ABORT
	Expired   int64 `json:"expired"`   // by their own policy, without asking; a late message ended them anew
	// How long the first two took, from the end of the hold to that of the reservation.
	P50 Milliseconds `json:"p50_ms"`
	P99 Milliseconds `json:"p99_ms"`
	Max Milliseconds `json:"max_ms"`
	// Questions are the verdicts that check-backs were answered.
	Questions []Count `json:"questions"`

	took []time.Duration
}

// add counts a reservation that the sweeper ended and nobody touched since.
func (h *Healing) add(r *stockholdv1.Reservation) {
	switch {
	case r.GetResolvedBy() != stockholdv1.ResolvedBy_RESOLVED_BY_CHECK_BACK:
		return
	case r.GetState() == stockholdv1.State_STATE_CONFIRMED:
		h.Confirmed++
	case r.GetState() == stockholdv1.State_STATE_CANCELED:
		h.Released++
	default:
		return
	}
	h.took = append(h.took, r.GetResolvedAt().AsTime().Sub(r.GetExpiresAt().AsTime()))
}

func (h *Healing) sum() {
	slices.Sort(h.took)
	h.P50, h.P99, h.Max = percentile(h.took, 50), percentile(h.took, 99), percentile(h.took, 100)
	h.took = nil
}

// percentile is the smallest of the sorted durations that p percent do not exceed.
func percentile(sorted []time.Duration, p int) Milliseconds {
	if len(sorted) == 0 {
		return 0
	}
	at := (len(sorted)*p + 99) / 100
	return Milliseconds(sorted[at-1].Milliseconds())
}
