package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency sums up how long calls took, in milliseconds.
type Latency struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
}

// What the histogram tells apart: microseconds up to two minutes, to 3 digits.
const (
	longest = int64(2 * time.Minute / time.Microsecond)
	digits  = 3
)

// recorder takes the outcomes of all callers. One lock is no bottleneck: it is
// held for some 100 ns, and calls take a thousand times that.
type recorder struct {
	mu        sync.Mutex
	all       Tally // everything that was sent
	measured  Tally // what counts
	latencies *hdrhistogram.Histogram
	failure   error // the first
}

func newRecorder() *recorder {
	return &recorder{latencies: hdrhistogram.New(1, longest, digits)}
}

func (r *recorder) record(o Outcome, took time.Duration, counts bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.add(o)
	if o.Err != nil && r.failure == nil {
		r.failure = o.Err
	}
	if !counts {
		return
	}
	r.measured.add(o)
	// A longer one counts as the longest: RecordValue would leave it out.
	_ = r.latencies.RecordValue(min(max(took.Microseconds(), 1), longest))
}

// Result is what one run of callers came to.
type Result struct {
	Measured Tally         // the calls that count
	All      Tally         // those of the warm-up and of the end as well: what the books must show
	Elapsed  time.Duration // of the measured part
	Latency  Latency       // of the measured calls
	Failure  error         // the first call that failed, if any
}

func (r *recorder) result(elapsed time.Duration) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := func(percentile float64) float64 { return float64(r.latencies.ValueAtQuantile(percentile)) / 1000 }
	return Result{
		Measured: r.measured, All: r.all, Elapsed: elapsed, Failure: r.failure,
		Latency: Latency{P50: at(50), P99: at(99), P999: at(99.9), Max: float64(r.latencies.Max()) / 1000},
	}
}
