package conformance

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/inventory"
	"stockhold/reservation"
)

// env is what one case works with: a client, and names that no other case has.
type env struct {
	Client
	server Server
	owner  string // of every reservation that the case makes, unless it says otherwise
	prefix string
	made   int
	skus   []string
}

func newEnv(client Client, server Server) *env {
	prefix := strings.ToLower(rand.Text()[:12])
	return &env{Client: client, server: server, owner: "owner-" + prefix, prefix: prefix}
}

// name is a new one at each call.
func (e *env) name(kind string) string {
	e.made++
	return fmt.Sprintf("%s-%s-%d", kind, e.prefix, e.made)
}

// id is a reservation_id that was never used.
func (e *env) id() string { return e.name("id") }

// unknown is a sku without a stock row.
func (e *env) unknown() string { return e.name("nothing") }

// sku is a sku with so many units at the default location.
func (e *env) sku(t testing.TB, units int64) string {
	t.Helper()
	return e.skusOf(t, units)[0]
}

// skusOf makes one sku for each number of units, all in one call.
func (e *env) skusOf(t testing.TB, units ...int64) []string {
	t.Helper()
	var skus []string
	request := &stockholdv1.BatchAdjustStockRequest{}
	for _, n := range units {
		skus = append(skus, e.name("sku"))
		request.Requests = append(request.Requests, &stockholdv1.AdjustStockRequest{Sku: skus[len(skus)-1], Delta: n})
	}
	made, err := e.Inventory.BatchAdjustStock(t.Context(), request)
	require.NoError(t, err)
	for _, outcome := range made.GetOutcomes() {
		require.NotNil(t, outcome.GetSuccess(), "%v", outcome)
	}
	e.skus = append(e.skus, skus...)
	return skus
}

func line(sku string, quantity int32) *stockholdv1.Line {
	return &stockholdv1.Line{Sku: sku, Quantity: quantity}
}

// try asks for a hold that no sweeper would look at for a while.
func (e *env) try(t testing.TB, id string, lines ...*stockholdv1.Line) (*stockholdv1.TryResponse, error) {
	t.Helper()
	return e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: e.owner, Lines: lines, Ttl: durationpb.New(10 * time.Minute)})
}

// hold is a try that must succeed; it returns the id.
func (e *env) hold(t testing.TB, lines ...*stockholdv1.Line) string {
	t.Helper()
	id := e.id()
	_, err := e.try(t, id, lines...)
	require.NoError(t, err)
	return id
}

func (e *env) confirm(t testing.TB, id string) (*stockholdv1.ConfirmResponse, error) {
	t.Helper()
	return e.Reservations.Confirm(t.Context(), &stockholdv1.ConfirmRequest{ReservationId: id, Owner: e.owner})
}

func (e *env) confirmAgain(t testing.TB, id string) (*stockholdv1.ConfirmResponse, error) {
	t.Helper()
	return e.Reservations.Confirm(t.Context(), &stockholdv1.ConfirmRequest{ReservationId: id, Owner: e.owner,
		IfReleased: stockholdv1.IfReleased_IF_RELEASED_RESERVE_AGAIN})
}

func (e *env) cancel(t testing.TB, id string) (*stockholdv1.CancelResponse, error) {
	t.Helper()
	return e.Reservations.Cancel(t.Context(), &stockholdv1.CancelRequest{ReservationId: id, Owner: e.owner})
}

// get reads a reservation; nil when there is none.
func (e *env) get(t testing.TB, id string) *stockholdv1.Reservation {
	t.Helper()
	answer, err := e.Reservations.GetReservation(t.Context(), &stockholdv1.GetReservationRequest{ReservationId: id, Owner: e.owner})
	if err != nil {
		requireRefused(t, err, stockholdv1.Reason_REASON_NOT_FOUND)
		return nil
	}
	return answer.GetReservation()
}

func (e *env) requireState(t testing.TB, id string, state stockholdv1.State) {
	t.Helper()
	require.Equal(t, state, e.get(t, id).GetState())
}

// stock reads the row of a sku at the default location.
func (e *env) stock(t testing.TB, sku string) *stockholdv1.Stock {
	t.Helper()
	answer, err := e.Inventory.GetStock(t.Context(), &stockholdv1.GetStockRequest{Sku: sku})
	require.NoError(t, err)
	return answer.GetStock()
}

func (e *env) requireStock(t testing.TB, sku string, onHand, reserved, committed int64) {
	t.Helper()
	got := e.stock(t, sku)
	require.Equal(t, [...]int64{onHand, reserved, committed, onHand - reserved - committed},
		[...]int64{got.GetOnHand(), got.GetReserved(), got.GetCommitted(), got.GetAvailable()},
		"on_hand, reserved, committed and available of %s", sku)
}

// requireRefused checks the refusal's reason, and everything that [RefusalOf] does.
func requireRefused(t testing.TB, err error, reason stockholdv1.Reason) *stockholdv1.Refusal {
	t.Helper()
	refusal := RefusalOf(t, err)
	require.Equal(t, reason, refusal.GetReason(), "%v", err)
	return refusal
}

// requireInvalid checks that a call was refused for exactly one field.
func requireInvalid(t testing.TB, err error, field string) {
	t.Helper()
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_INVALID)
	require.Len(t, refusal.GetViolations(), 1, "%v", err)
	require.Equal(t, field, refusal.GetViolations()[0].GetField(), "%v", err)
	require.NotEmpty(t, refusal.GetViolations()[0].GetDescription())
}

func requireEqual(t testing.TB, want, got proto.Message, what string) {
	t.Helper()
	require.True(t, proto.Equal(want, got), "%s:\nwant %v\ngot  %v", what, want, got)
}

// patience bounds the suite's own waiting; a hold's shortest ttl is 1 s.
const patience = 20 * time.Second

// holdBriefly makes a hold of the shortest ttl, to be released when that is over.
func (e *env) holdBriefly(t testing.TB, lines ...*stockholdv1.Line) string {
	t.Helper()
	id := e.id()
	_, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: e.owner, Lines: lines,
		Ttl: durationpb.New(time.Second), OnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_RELEASE})
	require.NoError(t, err)
	return id
}

// expire lets holds that were made briefly run out, and the sweeper act on them.
func (e *env) expire(t testing.TB, ids ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, id := range ids {
		for {
			answer := e.sweep(t, id, reservation.ExpireDue)
			require.NoError(t, answer.Err)
			if answer.Reservation.State == reservation.Expired {
				break
			}
			require.NoError(t, ctx.Err(), "%s does not expire", id)
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// untilDue waits until every hold that was made briefly before is due.
func (e *env) untilDue(t testing.TB) {
	t.Helper()
	e.expire(t, e.holdBriefly(t, line(e.sku(t, 1), 1)))
}

// sweep does what the sweeper would do to one hold.
func (e *env) sweep(t testing.TB, id string, call reservation.Call) reservation.Answer {
	t.Helper()
	by := reservation.ByPolicy
	if call != reservation.ExpireDue && call != reservation.ConfirmDue {
		by = reservation.ByCheckBack
	}
	op := &reservation.Operation{Call: call, ID: inventory.HoldID{Owner: e.owner, ID: id}, By: by}
	return e.server.Sweep(t.Context(), []*reservation.Operation{op})[0]
}

// balance compares the case's stock rows with its reservations.
func (e *env) balance(t testing.TB) {
	t.Helper()
	if t.Failed() {
		return
	}
	reserved, committed := map[string]int64{}, map[string]int64{}
	for _, r := range e.all(t, &stockholdv1.ListReservationsRequest{Owner: e.owner}) {
		for _, l := range r.GetLines() {
			switch r.GetState() {
			case stockholdv1.State_STATE_RESERVED:
				reserved[l.GetSku()] += int64(l.GetQuantity())
			case stockholdv1.State_STATE_CONFIRMED:
				committed[l.GetSku()] += int64(l.GetQuantity())
			}
		}
	}
	for _, sku := range e.skus {
		e.requireStock(t, sku, e.stock(t, sku).GetOnHand(), reserved[sku], committed[sku])
	}
}

// all reads every page of a listing.
func (e *env) all(t testing.TB, request *stockholdv1.ListReservationsRequest) []*stockholdv1.Reservation {
	t.Helper()
	var out []*stockholdv1.Reservation
	request = proto.CloneOf(request)
	for {
		page, err := e.Reservations.ListReservations(t.Context(), request)
		require.NoError(t, err)
		out = append(out, page.GetReservations()...)
		if page.GetNextPageToken() == "" {
			return out
		}
		request.PageToken = page.GetNextPageToken()
	}
}
