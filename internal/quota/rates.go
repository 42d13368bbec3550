package quota

import (
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is a number of calls a second, and of calls at once after a pause. Rate 0
// is no limit; Burst 0 is one second's worth, at least 1.
type Rate struct {
	PerSecond float64
	Burst     int
}

func (r Rate) burst() int {
	if r.Burst > 0 {
		return r.Burst
	}
	return max(1, int(min(r.PerSecond, 1<<30)))
}

// mostNames bounds what is remembered: with strangers' names as keys there is no
// end to them.
const mostNames = 10_000

// Rates counts calls under names. It is safe for concurrent use.
type Rates struct {
	mu     sync.Mutex
	byName map[string]*limiter
}

type limiter struct {
	limit   Rate
	buckets *rate.Limiter
}

// NewRates has counted nothing yet.
func NewRates() *Rates { return &Rates{byName: map[string]*limiter{}} }

// Take counts one call under a name. If that is one too many it returns false,
// and when a call has a chance again. A limit that changed holds from now on.
func (r *Rates) Take(name string, limit Rate) (retryAfter time.Duration, ok bool) {
	if limit.PerSecond <= 0 {
		return 0, true
	}
	now := time.Now()
	buckets := r.of(name, limit, now)
	if buckets.AllowN(now, 1) {
		return 0, true
	}
	missing := max(0, 1-buckets.TokensAt(now))
	wait := time.Duration(min(missing/limit.PerSecond, 60) * float64(time.Second))
	return spread(max(wait, 10*time.Millisecond)), false
}

func (r *Rates) of(name string, limit Rate, now time.Time) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.byName[name]
	switch {
	case found == nil:
		if len(r.byName) >= mostNames {
			r.forgetFull(now)
		}
		found = &limiter{limit, rate.NewLimiter(rate.Limit(limit.PerSecond), limit.burst())}
		r.byName[name] = found
	case found.limit != limit:
		found.limit = limit
		found.buckets.SetLimitAt(now, rate.Limit(limit.PerSecond))
		found.buckets.SetBurstAt(now, limit.burst())
	}
	return found.buckets
}

// forgetFull drops those who could ask for a whole burst: that is what they could
// do if they were new. If nobody can, all are dropped: better once too much for
// each than no bound.
func (r *Rates) forgetFull(now time.Time) {
	for name, found := range r.byName {
		if found.buckets.TokensAt(now) >= float64(found.limit.burst()) {
			delete(r.byName, name)
		}
	}
	if len(r.byName) >= mostNames {
		clear(r.byName)
	}
}

// spread keeps those who were refused together from returning together.
func spread(wait time.Duration) time.Duration { return wait + rand.N(wait) }
