package reservation_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/reservation"
)

// doubtful is a shop with calls on one row, which are lost in their COMMIT while
// the server still holds the row locked.
type doubtful struct {
	*shop
	call  reservation.Call
	calls int
	done  bool // what was in the COMMIT happened; if not, the server has undone it
}

// eachDoubt runs a test with so many calls that name the row, or whose hold does,
// for either end of their COMMIT.
func eachDoubt(t *testing.T, calls int, test func(t *testing.T, s doubtful)) {
	for _, call := range []reservation.Call{reservation.Try, reservation.Confirm} {
		for _, done := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s done=%t", call, done), func(t *testing.T) {
				opened, err := store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
				s := newShopWith(t, opened, err, &openGate{}, reservation.LedgerOptions{BatchTimeout: time.Minute})
				s.set(t, "HOT", 10)
				if call == reservation.Confirm {
					for i := range calls {
						require.NoError(t, s.try(t, fmt.Sprint(i), line("HOT", 1)).Err)
					}
				}
				test(t, doubtful{s, call, calls, done})
			})
		}
	}
}

// answers makes the calls, in one batch, whose COMMIT is lost and followed by what
// is given. They must be answered as if nothing had been.
func (s doubtful) answers(t *testing.T, afterwards func(step string) error) {
	t.Helper()
	lose := once("commit", func() error {
		s.store.disturb(afterwards, nil)
		return errReplyLost
	})
	if s.done {
		s.store.disturb(nil, lose)
	} else {
		s.store.disturb(lose, nil)
	}
	ops := make([]*reservation.Operation, s.calls)
	for i := range ops {
		if ops[i] = asking(s.call, fmt.Sprint(i)); s.call == reservation.Try {
			ops[i] = holding(fmt.Sprint(i), line("HOT", 1))
		}
	}
	for _, answer := range s.all(t, ops...) {
		require.NoError(t, answer.Err, "it is not known yet what became of it")
		require.Equal(t, s.done, answer.Replayed)
	}
	row := s.stock(t, "HOT")
	if s.call == reservation.Try {
		require.Equal(t, [3]int64{10, int64(s.calls), 0}, [3]int64{row.OnHand, row.Reserved, row.Committed})
	} else {
		require.Equal(t, [3]int64{10, 0, int64(s.calls)}, [3]int64{row.OnHand, row.Reserved, row.Committed})
	}
}

// stranger is a call that waits for the row in vain: it is slow from now on.
func (s doubtful) stranger(t *testing.T) reservation.Answer {
	t.Helper()
	s.store.disturb(lockedFor(1000), nil)
	return s.all(t, holding("stranger", line("HOT", 1)))[0]
}

// lockedFor lets so many waits for stock rows time out.
func lockedFor(waits int64) func(step string) error {
	var left atomic.Int64
	left.Store(waits)
	return func(step string) error {
		if step == "lock stocks" && left.Add(-1) >= 0 {
			return fmt.Errorf("%w: the row is locked", reservation.ErrLockWait)
		}
		return nil
	}
}

// A batch whose COMMIT got no reply is split by a statement that fails, and another
// call has meanwhile found its row locked, which makes the row slow. The calls in
// doubt do not go to the slow lane, where nobody knows of the doubt and one lock
// wait ends them: what locks the row may be their own COMMIT. They are run again,
// also when the connection goes, until it is known what became of them. Those that
// happened are found, not written.
func TestWhatIsInDoubtIsNotSetAside(t *testing.T) {
	eachDoubt(t, 4, func(t *testing.T, s doubtful) {
		var stranger reservation.Answer
		s.answers(t, once("begin", func() error {
			stranger = s.stranger(t)
			fails := once("lock reservations", func() error { return errors.New("it cannot be run") })
			locked, away := lockedFor(10), once("now", func() error { return reservation.ErrAway })
			s.store.disturb(func(step string) error { return errors.Join(fails(step), locked(step), away(step)) }, nil)
			return nil
		}))
		require.ErrorIs(t, stranger.Err, reservation.ErrUnavailable)
		require.ErrorIs(t, stranger.Err, reservation.ErrLockWait)
		if s.done {
			require.Zero(t, s.store.count("write"))
		} else {
			require.Equal(t, 2, s.store.count("write"), "one of each half")
		}
	})
}

// So it is with those whose COMMIT is lost in the slow lane.
func TestWhatIsInDoubtStaysSoInTheSlowLane(t *testing.T) {
	eachDoubt(t, 1, func(t *testing.T, s doubtful) {
		require.ErrorIs(t, s.stranger(t).Err, reservation.ErrLockWait)
		s.answers(t, lockedFor(10))
	})
}

// However often they waited for the lock, a conflict afterwards is their first: another
// transaction got through, and they are run again.
func TestWaitsInDoubtAreNotConflicts(t *testing.T) {
	eachDoubt(t, 2, func(t *testing.T, s doubtful) {
		locked := lockedFor(30)
		conflict := once("now", func() error { return reservation.ErrConflict })
		s.answers(t, func(step string) error { return errors.Join(locked(step), conflict(step)) })
	})
}
