package conformance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/reservation"
)

// stateTable is what each call does in each state:
//
//	-> STATE   it is done: the reservation is in STATE, the units have moved
//	replay     it is answered OK, marked as a replay; nothing changes
//	later      expires_at is later; nothing else changes
//	REASON     it is refused for that reason; nothing changes
//	.          the sweeper leaves it alone
//
// One cell does two things. "none left" means that somebody else holds every unit
// that this reservation does not. A tombstone is a Cancel that came without a Try.
const stateTable = `
                    | none               | RESERVED      | CONFIRMED         | CANCELED | tombstone | EXPIRED              | FULFILLED         | RETURNED
Try                 | -> RESERVED        | replay        | replay            | CANCELED | CANCELED  | RELEASED             | replay            | RELEASED
Try, none left      | INSUFFICIENT_STOCK | replay        | replay            | CANCELED | CANCELED  | RELEASED             | replay            | RELEASED
Try, other lines    | -> RESERVED        | ID_REUSED     | ID_REUSED         | CANCELED | CANCELED  | ID_REUSED            | ID_REUSED         | ID_REUSED
  .., none left     | INSUFFICIENT_STOCK | ID_REUSED     | ID_REUSED         | CANCELED | CANCELED  | ID_REUSED            | ID_REUSED         | ID_REUSED
Confirm             | NOT_FOUND          | -> CONFIRMED  | replay            | RELEASED | RELEASED  | RELEASED             | replay            | RELEASED
  .., RESERVE_AGAIN | NOT_FOUND          | -> CONFIRMED  | replay            | RELEASED | RELEASED  | -> CONFIRMED         | replay            | RELEASED
  .., none left     | NOT_FOUND          | -> CONFIRMED  | replay            | RELEASED | RELEASED  | RELEASED -> CANCELED | replay            | RELEASED
Cancel              | -> CANCELED        | -> CANCELED   | ALREADY_CONFIRMED | replay   | replay    | -> CANCELED          | ALREADY_CONFIRMED | replay
Extend              | NOT_FOUND          | later         | ALREADY_CONFIRMED | RELEASED | RELEASED  | RELEASED             | ALREADY_CONFIRMED | RELEASED
Fulfill             | NOT_FOUND          | NOT_CONFIRMED | -> FULFILLED      | RELEASED | RELEASED  | RELEASED             | replay            | RELEASED
Return              | NOT_FOUND          | NOT_CONFIRMED | -> RETURNED       | RELEASED | RELEASED  | RELEASED             | ALREADY_FULFILLED | replay
sweeper: expire due | .                  | -> EXPIRED    | .                 | .        | .         | .                    | .                 | .
  .., too early     | .                  | .             | .                 | .        | .         | .                    | .                 | .
sweeper: confirm due| .                  | -> CONFIRMED  | .                 | .        | .         | .                    | .                 | .
check-back: COMMIT  | NOT_FOUND          | -> CONFIRMED  | replay            | RELEASED | RELEASED  | RELEASED             | replay            | RELEASED
check-back: ABORT   | NOT_FOUND          | -> CANCELED   | ALREADY_CONFIRMED | replay   | replay    | -> CANCELED          | ALREADY_CONFIRMED | replay
`

// footprint is what one unit of a reservation in each state does to its stock row.
var footprint = map[stockholdv1.State]struct{ onHand, reserved, committed int64 }{
	stockholdv1.State_STATE_RESERVED:  {reserved: 1},
	stockholdv1.State_STATE_CONFIRMED: {committed: 1},
	stockholdv1.State_STATE_FULFILLED: {onHand: -1},
}

// cell is one square of the table: a reservation in a state, and the call to come.
type cell struct {
	call, state, want string
	id                string
	skus              []string
	ttl               time.Duration
}

// What the reservation of a cell holds, of stock that has this many more.
var (
	cellUnits  = []int32{2, 3}
	otherUnits = []int32{1, 0} // of the Try with other lines
)

const spareUnits = 4

func (c *cell) lines() []*stockholdv1.Line {
	return []*stockholdv1.Line{line(c.skus[0], cellUnits[0]), line(c.skus[1], cellUnits[1])}
}

func testStateTable(t *testing.T, e *env) {
	cells := readTable(t)
	prepare(t, e, cells)
	for _, c := range cells {
		t.Run(c.state+"/"+c.call, func(t *testing.T) { c.test(t, e) })
	}
}

// readTable reads the cells off the drawing.
func readTable(t *testing.T) []*cell {
	t.Helper()
	var states []string
	var cells []*cell
	whole := ""
	for _, row := range strings.Split(strings.TrimSpace(stateTable), "\n") {
		columns := strings.Split(row, "|")
		for i := range columns {
			columns[i] = strings.TrimSpace(columns[i])
		}
		if states == nil {
			states = columns
			continue
		}
		require.Len(t, columns, len(states), row)
		call, isPart := strings.CutPrefix(columns[0], "..")
		if isPart {
			call = whole + call
		}
		whole = strings.TrimSuffix(call, ", none left")
		for i := 1; i < len(columns); i++ {
			c := &cell{call: call, state: states[i], want: columns[i], ttl: 10 * time.Minute}
			if c.state == "EXPIRED" || strings.HasSuffix(call, " due") {
				c.ttl = time.Second
			}
			cells = append(cells, c)
		}
	}
	return cells
}

// test makes the cell's call and compares what was there before and after.
func (c *cell) test(t *testing.T, e *env) {
	if strings.HasSuffix(c.call, "none left") {
		var rest []*stockholdv1.Line
		for _, sku := range c.skus {
			rest = append(rest, line(sku, int32(e.stock(t, sku).GetAvailable())))
		}
		e.hold(t, rest...)
	}
	before, stocksBefore := e.get(t, c.id), []*stockholdv1.Stock{e.stock(t, c.skus[0]), e.stock(t, c.skus[1])}
	if before != nil {
		require.Equal(t, "STATE_"+strings.Replace(c.state, "tombstone", "CANCELED", 1), before.GetState().String())
	}
	answered, isReplay, reason := c.ask(t, e)
	after := e.get(t, c.id)

	wantReason, wantState, moves := strings.Cut(c.want, "-> ")
	wantReason = strings.TrimSpace(wantReason)
	switch wantReason {
	case "", "replay", "later", ".":
		require.Empty(t, reason)
		require.Equal(t, wantReason == "replay" || wantReason == ".", isReplay)
		if after != nil && answered != nil {
			requireEqual(t, after, answered, "the answer is the reservation as it is now")
		}
	default:
		require.Equal(t, wantReason, reason)
	}

	switch {
	case moves:
		require.Equal(t, "STATE_"+wantState, after.GetState().String())
	case wantReason == "later":
		require.True(t, after.GetExpiresAt().AsTime().After(before.GetExpiresAt().AsTime()))
		after = proto.CloneOf(after)
		after.ExpiresAt = before.ExpiresAt
		requireEqual(t, before, after, "nothing but expires_at changes")
	default:
		requireEqual(t, before, after, "nothing changes")
	}
	moved := cellUnits
	if strings.HasPrefix(c.call, "Try, other lines") {
		moved = otherUnits
	}
	for i, sku := range c.skus {
		c.requireMoved(t, stocksBefore[i], e.stock(t, sku), before.GetState(), after.GetState(), int64(moved[i]))
	}
}

// requireMoved checks that a stock row changed by what so many units of a
// reservation do to it when that goes from one state to another, and by no more.
func (c *cell) requireMoved(t *testing.T, before, after *stockholdv1.Stock, fromState, toState stockholdv1.State, units int64) {
	t.Helper()
	from, to := footprint[fromState], footprint[toState]
	want := proto.CloneOf(before)
	want.OnHand += units * (to.onHand - from.onHand)
	want.Reserved += units * (to.reserved - from.reserved)
	want.Committed += units * (to.committed - from.committed)
	want.Available = want.OnHand - want.Reserved - want.Committed
	if units > 0 && from != to {
		require.Greater(t, after.GetVersion(), before.GetVersion(), "a row that changed has a newer version")
		want.Version = after.GetVersion()
	}
	requireEqual(t, want, after, "the stock row")
}

// answer is what every call about one reservation answers.
type answer interface {
	GetReservation() *stockholdv1.Reservation
	GetReplayed() bool
}

// ask makes the cell's call. What comes back is the answer's reservation and mark,
// or the reason of the refusal.
func (c *cell) ask(t *testing.T, e *env) (answered *stockholdv1.Reservation, replayed bool, reason string) {
	t.Helper()
	var response answer
	var err error
	call, _, _ := strings.Cut(c.call, ", none left")
	switch call {
	case "Try":
		response, err = e.try(t, c.id, c.lines()...)
	case "Try, other lines":
		response, err = e.try(t, c.id, line(c.skus[0], otherUnits[0]))
	case "Confirm":
		response, err = e.confirm(t, c.id)
	case "Confirm, RESERVE_AGAIN":
		response, err = e.confirmAgain(t, c.id)
	case "Cancel":
		response, err = e.cancel(t, c.id)
	case "Extend":
		response, err = e.extend(t, c.id, time.Hour)
	case "Fulfill":
		response, err = e.Reservations.Fulfill(t.Context(), &stockholdv1.FulfillRequest{ReservationId: c.id, Owner: e.owner})
	case "Return":
		response, err = e.Reservations.Return(t.Context(), &stockholdv1.ReturnRequest{ReservationId: c.id, Owner: e.owner})
	default:
		require.Contains(t, sweeps, call)
		swept := e.sweep(t, c.id, sweeps[call])
		var refusal *reservation.Refusal
		if errors.As(swept.Err, &refusal) {
			return nil, false, refusal.Reason.String()
		}
		require.NoError(t, swept.Err)
		return nil, swept.Replayed, ""
	}
	if err != nil {
		return nil, false, c.refused(t, e, err)
	}
	return response.GetReservation(), response.GetReplayed(), ""
}

// sweeps are the table's calls that come from the sweeper.
var sweeps = map[string]reservation.Call{
	"sweeper: expire due":            reservation.ExpireDue,
	"sweeper: expire due, too early": reservation.ExpireDue,
	"sweeper: confirm due":           reservation.ConfirmDue,
	"check-back: COMMIT":             reservation.Confirm,
	"check-back: ABORT":              reservation.CancelKnown,
}

// refused checks that a refusal shows the ledger as it is, and returns its reason.
func (c *cell) refused(t *testing.T, e *env, err error) string {
	t.Helper()
	refusal := RefusalOf(t, err)
	if shown := refusal.GetReservation(); shown != nil {
		requireEqual(t, e.get(t, c.id), shown, "the reservation in the refusal")
	}
	for _, s := range refusal.GetShortages() {
		require.Equal(t, reservation.DefaultName, s.GetLocationId())
		require.Less(t, s.GetAvailable(), s.GetRequested())
		require.Equal(t, e.stock(t, s.GetSku()).GetAvailable(), s.GetAvailable(), "the shortage has the ledger's figure")
	}
	return strings.TrimPrefix(refusal.GetReason().String(), "REASON_")
}
