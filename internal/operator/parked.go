package operator

import (
	"context"

	"stockhold/reservation"
)

// Parked reads a page of the holds that wait for an operator, oldest first: of one
// owner, or of all where none is named. next is 0 on the last page; a page may be
// short, even empty, before that.
func (d *Desk) Parked(ctx context.Context, owner string, after int64, limit int) (page []*reservation.Reservation, next int64, err error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	limit, err = d.service.Limits().CheckListing(owner, nil, limit, reservation.PageSize)
	if err != nil {
		return nil, 0, err
	}
	page, next, err = d.store.Parked(ctx, owner, after, limit)
	if err != nil {
		return nil, 0, unavailable("list parked holds", err)
	}
	return page, next, nil
}
