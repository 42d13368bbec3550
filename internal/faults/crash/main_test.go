//go:build faults

package crash

import (
	"context"
	"errors"
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
)

var seed = flag.Uint64("seed", 1, "of the storm: where and when processes die")

func TestMain(m *testing.M) { faults.Main(m, faults.BuildOptions{}) }

// atOnce is how many cells run at one time. Each has stores of its own.
const atOnce = 2

// TestCrash kills the program with -9 at every named point, under every condition,
// and then finds every acknowledged Try, nothing held that nobody owns, and books
// that agree.
func TestCrash(t *testing.T) {
	places := make(chan *place, atOnce)
	for range atOnce {
		places <- nil // opened by the first who needs it
	}
	t.Cleanup(func() {
		for range atOnce {
			if p := <-places; p != nil {
				require.NoError(t, p.close())
			}
		}
	})
	for _, at := range points {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			p := <-places
			defer func() { places <- p }()
			for _, c := range conditions {
				if c == lateCall && !at.sweeps() {
					continue
				}
				t.Run(string(c), func(t *testing.T) {
					if p == nil {
						var err error
						p, err = openPlace(t.Context())
						require.NoError(t, err)
					}
					newCell(t, p, at, c).run()
				})
				if t.Failed() && p != nil { // what a failed cell left is not the next one's
					failed := p
					p = nil
					require.NoError(t, failed.close())
				}
			}
		})
	}
}

// poll is how often most things are looked at again.
const poll = 10 * time.Millisecond

// eventually polls until there is nothing wrong, and fails with what last was.
func eventually(ctx context.Context, t *testing.T, every time.Duration, wrong func() error) {
	t.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last error
	for {
		err := wrong()
		if err == nil {
			return
		}
		if last == nil || ctx.Err() == nil { // else it says only that time is over
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.NoError(t, errors.Join(last, ctx.Err()))
		}
	}
}
