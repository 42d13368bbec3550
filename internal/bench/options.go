package bench

import (
	"io"
	"time"

	"stockhold/internal/bench/proc"
)

// Options shape a run. Zero fields take the defaults.
type Options struct {
	Quick       bool          // small and short: a few minutes in all
	Only        []string      // groups to run; none: all
	Systems     []string      // systems to run; none: all
	Measure     time.Duration // of each cell and round; default 5 s, quick 0.4 s
	Rounds      int           // default 5, quick 2
	Callers     []int         // in place of each group's own
	Connections int           // of the client to each process; default 4
	GRPC        bool          // the client speaks gRPC; default: the Connect protocol
	Seed        uint64        // default 1
	Orders      string        // file with a shop's orders; default: a made-up mix
	Profiles    string        // folder for CPU profiles; empty: none are taken
	Progress    io.Writer     // default: nowhere
	Terminal    bool          // Progress is one
}

// scale is what a run takes its sizes from.
type scale struct {
	warm, measure, rest time.Duration
	rounds              int
	bufferPoolMiB       int
	grownRows           int
	grownSKUs           int
	overdue             int
	spread              time.Duration
	freezes             int

	// Numbers of callers in a closed loop: for stockhold and the ceiling, and for
	// the other peers, in the groups that goals are about; the same in the rest.
	levels, peerLevels []int
	some, few          []int
	batchers           []int // callers of batches, each of which is up to a hundred calls' worth
}

func (o *Options) complete() {
	if o.Connections == 0 {
		o.Connections = 4
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
}

func (o Options) scale(m proc.Machine) scale {
	s := scale{
		warm: time.Second, measure: 5 * time.Second, rest: 500 * time.Millisecond, rounds: 5,
		bufferPoolMiB: bufferPool(4096, m), grownRows: 10_000_000, grownSKUs: 1_000_000,
		overdue: 200_000, spread: 10 * time.Second, freezes: 1_000_000,
		levels: []int{1, 16, 128, 512}, peerLevels: []int{1, 16, 128, 512},
		some: []int{16, 128, 512}, few: []int{16, 128}, batchers: []int{16, 64, 128},
	}
	if o.Quick {
		s = scale{
			warm: 150 * time.Millisecond, measure: 400 * time.Millisecond, rounds: 2,
			bufferPoolMiB: bufferPool(1024, m), grownRows: 300_000, grownSKUs: 100_000,
			overdue: 20_000, spread: 3 * time.Second, freezes: 200_000,
			levels: []int{128, 512}, peerLevels: []int{16, 128},
			some: []int{128}, few: []int{16}, batchers: []int{16, 64},
		}
	}
	if o.Measure > 0 {
		s.measure = o.Measure
	}
	if o.Rounds > 0 {
		s.rounds = o.Rounds
	}
	return s
}

// bufferPool is what is wanted, or a third of the machine's memory if that is less.
func bufferPool(wantMiB int, m proc.Machine) int {
	return min(wantMiB, max(128, int(m.MemoryGB*1024/3)))
}
