package stage

import (
	"context"
	"errors"
	"time"

	"stockhold/internal/bench/proc"
)

// System is something that answers calls: stockhold, in one process or more, or
// a peer. Its owner closes it.
type System struct {
	Name     string
	URLs     []string // one per process
	Pids     []int    // of the processes that answer
	Profiles []string // where to get their profiles, if they have any
	Ceiling  bool     // keeps nothing: there are no rows to count
	Stores   bool     // uses MariaDB and Redis

	books *books
	audit []string                          // flags of stockhold's audit; nil: none, or too much to read
	ends  []func(ctx context.Context) error // the last one first
}

// closePatience bounds the end of a system.
const closePatience = 2 * time.Minute

// Close stops the processes and drops the database.
func (s *System) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	var errs []error
	for i := len(s.ends) - 1; i >= 0; i-- {
		errs = append(errs, s.ends[i](ctx))
	}
	s.ends = nil
	return errors.Join(errs...)
}

func (s *System) onClose(do func(ctx context.Context) error) { s.ends = append(s.ends, do) }

// run starts a process of the system and waits until it serves.
func (s *System) run(ctx context.Context, c proc.Command, profiles func(address string) string) error {
	p, err := proc.Start(c)
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return p.Stop() })
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	address, err := p.Await(ctx, `"msg":"serving","address":"`, `"`)
	if err != nil {
		return err
	}
	s.URLs = append(s.URLs, "http://"+address)
	s.Pids = append(s.Pids, p.Pid())
	if url := profiles(address); url != "" {
		s.Profiles = append(s.Profiles, url)
	}
	return nil
}

// startPatience bounds the start of one process.
const startPatience = time.Minute

// orClose closes a system whose start failed.
func (s *System) orClose(err error) (*System, error) {
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// AuditFlags are those with which `stockhold audit` reads this system, nil if it
// cannot, or if there is too much to read.
func (s *System) AuditFlags() []string { return s.audit }
