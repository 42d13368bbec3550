package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"stockhold/internal/faults"
)

// play lets a schedule happen until it is through or ctx ends, and returns when all
// faults are over. An error is the harness's own: a store that does not come back.
func (w *world) play(ctx context.Context, schedule []Fault, told func(Fault)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	ended := make(chan error)
	running := 0
	for _, f := range schedule {
		pause(ctx, time.Until(began.Add(f.At)))
		if ctx.Err() != nil {
			break
		}
		told(f)
		running++
		go func() {
			err := w.strike(ctx, f)
			if err != nil {
				err = fmt.Errorf("%s: %w", f, err)
				cancel(err)
			}
			ended <- err
		}()
	}
	var errs []error
	for range running {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// strike lets one fault happen, and ends it. A fault that was begun is ended
// properly though ctx is done: ctx only cuts it short.
func (w *world) strike(ctx context.Context, f Fault) error {
	if f.outage() {
		w.outages.Add(1)
		defer w.outages.Add(-1)
	}
	last := func(begin, end func() error) error {
		if err := begin(); err != nil {
			return err
		}
		pause(ctx, f.For)
		return end()
	}
	whole := context.WithoutCancel(ctx)
	switch f.Target {
	case theGate:
		return w.strikeGate(whole, f, last)
	case theLedger:
		return w.strikeLedger(whole, f, last)
	case theSweeper:
		return errors.Join(w.endSweeper(), w.sweep())
	}
	if s := w.server(f.Target); s != nil {
		switch f.Kind {
		case "killed":
			w.counter.read(whole, s.Process())
			return w.crash(whole, f.Target, s)
		case "killed at a crash point":
			return w.ambush(ctx, s, f)
		case "halted":
			return last(s.Process().Halt, s.Process().Resume)
		}
	}
	link := w.link(f.Target)
	switch f.Kind {
	case "slow":
		return last(func() error { return link.Delay(20*ms, 20*ms) }, link.Heal)
	case "cut":
		return link.Cut()
	case "reset":
		return last(link.Reset, link.Heal)
	case "silent":
		return last(link.BlackHole, link.Heal)
	case "half open":
		return link.HalfOpen()
	case "refused":
		return last(link.Refuse, link.Heal)
	case "replies lost":
		return last(func() error { return link.LoseReplies(f.Count, nil) }, link.Heal)
	case "replies of COMMIT lost":
		before := link.Lost() // no other fault befalls this way meanwhile
		err := last(func() error { return link.LoseReplies(f.Count, faults.CommitPacket) }, link.Heal)
		w.commits.Add(int64(link.Lost() - before))
		return err
	case "COMMITs held up": // they arrive when the fault is over, also if nobody waits for them any more
		return last(func() error { return link.HoldRequests(f.Count, faults.CommitPacket) }, link.Heal)
	case "COMMITs stopped": // their sessions end before they arrive
		return last(func() error { return link.HoldRequests(f.Count, faults.CommitPacket) }, func() error {
			return errors.Join(w.site.KillSessions(whole), link.Heal())
		})
	}
	return fmt.Errorf("nobody knows how to do this")
}

// outage reports whether a store is away while a fault lasts.
func (f Fault) outage() bool {
	switch f.Target {
	case theGate, theLedger, gateLink, ledgerLink:
		return f.Kind != "slow"
	}
	return false
}

func (w *world) strikeGate(ctx context.Context, f Fault, last func(begin, end func() error) error) error {
	signal := func(s syscall.Signal) func() error { return func() error { return w.site.Redis.Signal(s) } }
	switch f.Kind {
	case "killed and restarted empty":
		return last(w.site.Redis.Kill, func() error { return w.site.Redis.Restart(ctx) })
	case "halted":
		return last(signal(syscall.SIGSTOP), signal(syscall.SIGCONT))
	}
	client := w.site.Redis.Client()
	defer client.Close()
	switch f.Kind {
	case "wiped":
		return client.FlushAll(ctx).Err()
	case "clients killed":
		return client.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes").Err()
	default:
		return deleteKeys(ctx, client, f.Count)
	}
}

// deleteKeys deletes some of the gate's keys, whatever they hold.
func deleteKeys(ctx context.Context, client *redis.Client, n int) error {
	for range n {
		key, err := client.RandomKey(ctx).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := client.Del(ctx, key).Err(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) strikeLedger(ctx context.Context, f Fault, last func(begin, end func() error) error) error {
	signal := func(s syscall.Signal) func() error { return func() error { return w.site.DB.Signal(s) } }
	switch f.Kind {
	case "killed and restarted":
		return last(w.site.DB.Kill, func() error { return w.site.DB.Restart(ctx) })
	case "halted":
		return last(signal(syscall.SIGSTOP), signal(syscall.SIGCONT))
	default:
		return w.site.KillSessions(ctx)
	}
}

// ambush kills a server at a crash point, or at the end of the fault if it does not
// get there.
func (w *world) ambush(ctx context.Context, s *faults.Server, f Fault) error {
	w.counter.read(ctx, s.Process())
	action := "kill"
	if rand.IntN(4) == 0 {
		action = "kill 50ms" // what was answered can leave
	}
	w.doom(f.Target, true)
	if err := s.Process().Arm(f.Point, action); err != nil {
		return err
	}
	over := time.NewTimer(f.For)
	defer over.Stop()
	select {
	case <-s.Process().Ended():
	case <-over.C:
	case <-ctx.Done():
	}
	return w.crash(context.WithoutCancel(ctx), f.Target, s)
}

// crash kills a server and starts it anew.
func (w *world) crash(ctx context.Context, t Target, s *faults.Server) error {
	w.doom(t, true)
	defer w.doom(t, false)
	return s.Crash(ctx)
}
