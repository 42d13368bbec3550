package sweeper

import "reflect"

// change is what a sweeper is to go by from its next page on.
type change struct {
	deciders map[string]Decider
	opts     Options
	adopted  func()
}

// Change checks other deciders and options, and returns what gives them to a
// sweeper that runs, all at once. It takes them up before it claims its next holds;
// what it has claimed it finishes with the old ones, and then calls adopted, if
// that is not nil. A change that another one overtakes is never adopted.
//
// An owner whose decider is the same one keeps its breaker. The error is that of
// [New].
func (s *Sweeper) Change(deciders map[string]Decider, opts Options, adopted func()) (apply func(), err error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	return func() {
		s.next.Store(&change{deciders: deciders, opts: opts, adopted: adopted})
		select {
		case s.changed <- struct{}{}:
		default: // it is to look already
		}
	}, nil
}

// adopt takes up the latest change. Only the goroutine that makes the passes calls
// it, and only while nothing is under way.
func (s *Sweeper) adopt() {
	next := s.next.Swap(nil)
	if next == nil {
		return
	}
	old := s.owners
	sameBreakers := s.opts.BreakerPause == next.opts.BreakerPause && s.opts.BreakerFailures == next.opts.BreakerFailures
	s.owners, s.opts = make(map[string]*owner, len(next.deciders)), next.opts
	for name, decider := range next.deciders {
		if o := old[name]; o != nil && sameBreakers && same(o.decider, decider) {
			o.timeout = next.opts.RequestTimeout
			s.owners[name] = o
		} else {
			s.owners[name] = newOwner(name, decider, next.opts, s.metrics)
		}
	}
	for name := range old {
		if s.owners[name] == nil {
			s.metrics.breakerGone(name)
		}
	}
	if next.adopted != nil {
		next.adopted()
	}
}

// same reports whether two deciders are one. Some kinds cannot be compared: those
// are never the same.
func same(a, b Decider) bool {
	return a != nil && reflect.TypeOf(a).Comparable() && a == b
}
