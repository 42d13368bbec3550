package sweeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"stockhold/internal/crashpoint"
	"stockhold/reservation"
)

// reply is what came of one claim.
type reply struct {
	reservation.Claim
	verdict    Verdict
	retryAfter time.Duration // with Pending; 0: not said
	unasked    bool          // an open breaker, or no time left: no check to count
}

// ask asks the owners of a page, several at a time, each by one request at a
// time. It ends well within the lease: what cannot be asked by then is put off
// without a check. A claim that is missing from the replies is left to its lease.
func (s *Sweeper) ask(ctx context.Context, report *Report, claims []reservation.Claim) []reply {
	var names []string // in the order of their oldest holds
	byOwner := map[string][]reservation.Claim{}
	for _, c := range claims {
		if byOwner[c.Owner] == nil {
			names = append(names, c.Owner)
		}
		byOwner[c.Owner] = append(byOwner[c.Owner], c)
	}
	until := time.Now().Add(s.opts.Lease / 2)
	replies := make([][]reply, len(names))
	var group errgroup.Group
	group.SetLimit(s.opts.Parallel)
	for i, name := range names {
		o := s.owners[name]
		if o == nil {
			replies[i] = replyAll(byOwner[name], reply{verdict: Unknown})
			continue
		}
		group.Go(func() error {
			replies[i] = s.askOwner(ctx, o, byOwner[name], until)
			return nil
		})
	}
	_ = group.Wait() // no member returns an error

	all := slices.Concat(replies...)
	for _, r := range all {
		switch {
		case r.unasked:
			report.Unasked++
		case r.verdict == Pending:
			report.Pending++
		case r.verdict == Unknown:
			report.Unknown++
		}
	}
	return all
}

// askOwner asks one owner, some questions at a time.
func (s *Sweeper) askOwner(ctx context.Context, o *owner, claims []reservation.Claim, until time.Time) []reply {
	replies := make([]reply, 0, len(claims))
	for some := range slices.Chunk(claims, s.opts.Questions) {
		if time.Until(until) < s.opts.RequestTimeout {
			replies = append(replies, replyAll(some, reply{unasked: true})...)
			continue
		}
		crashpoint.Reach("sweep.asking")
		decisions, err := o.decide(ctx, some)
		crashpoint.Reach("sweep.heard")
		switch {
		case err == nil:
			for i, d := range o.verdicts(ctx, some, decisions) {
				replies = append(replies, reply{Claim: some[i], verdict: d.Verdict, retryAfter: d.RetryAfter})
			}
		case errors.Is(err, errStopped):
			return replies
		case errors.Is(err, errBreakerOpen):
			replies = append(replies, replyAll(some, reply{unasked: true})...)
		default:
			replies = append(replies, replyAll(some, reply{verdict: Unknown})...)
		}
	}
	return replies
}

func replyAll(claims []reservation.Claim, same reply) []reply {
	replies := make([]reply, len(claims))
	for i, c := range claims {
		replies[i] = same
		replies[i].Claim = c
	}
	return replies
}
