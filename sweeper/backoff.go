package sweeper

import (
	"time"
)

// Limits of what an owner may ask for with PENDING.
const (
	minRetry = time.Second
	maxRetry = time.Hour
)

// delays are the waiting times of one page. Holds that were asked as often wait
// equally long: the ledger writes what is alike in one statement. Across pages,
// sweepers and counts the jitter spreads them.
type delays struct {
	first   time.Duration
	slowest time.Duration
	made    map[int]time.Duration
	random  func(n int64) int64
}

func (s *Sweeper) newDelays() *delays {
	return &delays{first: s.opts.Backoff, slowest: s.opts.Slowest, made: map[int]time.Duration{}, random: s.opts.Random}
}

// after is how long to wait once a hold was asked so often: doubling, up to the
// slowest interval.
func (d *delays) after(checks int) time.Duration {
	if delay, ok := d.made[checks]; ok {
		return delay
	}
	delay := d.first
	for i := 1; i < checks && delay < d.slowest; i++ {
		delay *= 2
	}
	delay = d.jitter(min(delay, d.slowest))
	d.made[checks] = delay
	return delay
}

// parked is the slowest interval.
func (d *delays) parked() time.Duration { return d.after(maxChecks) }

// jitter takes off up to a fifth, so that no cap is exceeded.
func (d *delays) jitter(delay time.Duration) time.Duration {
	return max(time.Millisecond, (delay - time.Duration(d.random(int64(delay/5+1)))).Truncate(time.Millisecond))
}

// clampRetry bounds an owner's retry_after.
func clampRetry(d time.Duration) time.Duration { return min(max(d, minRetry), maxRetry) }
