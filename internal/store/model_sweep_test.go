package store_test

import (
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockhold/inventory"
	"stockhold/reservation"
)

// policy is a sweeper's page. Holds of earlier runs may be on it.
func (r *modelRun) policy(t *rapid.T, policy reservation.OnExpiry) {
	due, err := r.service.Ledger().RunDue(r.ctx, policy, 1000)
	require.NoError(t, err)
	overdue := r.overdue(policy)
	var asks []ask
	var answers []reservation.Answer
	for _, d := range due {
		if d.Owner != r.asks.run {
			continue
		}
		held := r.books.holds[d.HoldID]
		require.Equal(t, policy, held.OnExpiry)
		require.Equal(t, held.NextCheckAt, d.NextCheckAt)
		require.Equal(t, held.Checks, d.Checks)
		verb := map[reservation.OnExpiry]string{reservation.ReleaseOnExpiry: "expire", reservation.ConfirmOnExpiry: "confirm_due"}[policy]
		asks, answers = append(asks, ask{verb: verb, id: d.HoldID}), append(answers, d.Answer)
		delete(overdue, d.HoldID)
	}
	require.Empty(t, overdue, "passed over")
	if len(asks) > 0 {
		r.compare(t, asks, answers)
	}
}

// claim is a sweeper that leases what it is about to ask about.
func (r *modelRun) claim(t *rapid.T) {
	claims, err := r.store.Claim(r.ctx, time.Hour, 1000)
	require.NoError(t, err)
	overdue := r.overdue(reservation.AskOwner)
	for _, c := range claims {
		if c.Owner != r.asks.run {
			continue
		}
		held := r.books.holds[c.HoldID]
		require.Equal(t, reservation.AskOwner, held.OnExpiry)
		require.Equal(t, reservation.Reserved, held.State)
		require.True(t, c.Lease.After(held.NextCheckAt.Add(time.Hour)), "%s was not due", c.ID)
		require.Equal(t, reservation.Claim{HoldID: held.HoldID, Reference: held.Reference, ExpiresAt: held.ExpiresAt,
			Checks: held.Checks, Parked: held.Parked(), Lease: c.Lease}, c)
		held.NextCheckAt = c.Lease
		r.books.holds[c.HoldID] = held
		delete(overdue, c.HoldID)
	}
	require.Empty(t, overdue, "passed over")
}

// overdue are the holds of a policy that a sweeper must have met by now.
func (r *modelRun) overdue(policy reservation.OnExpiry) map[inventory.HoldID]time.Time {
	due := map[inventory.HoldID]time.Time{}
	for id, held := range r.books.holds {
		if held.State == reservation.Reserved && held.OnExpiry == policy && held.NextCheckAt.Before(*r.store.now.Load()) {
			due[id] = held.NextCheckAt
		}
	}
	return due
}
