package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// pulse measures how late this process is with what comes in: how long a goroutine
// that waits for I/O goes on waiting although there is something for it. The
// runtime looks for I/O when it has nothing else to do, and otherwise about every
// 10 ms: in a process that is flooded with calls, each round trip to a store takes
// that long, and the queue that callers stand in is the runtime's own.
//
// It writes a byte into a pipe every few milliseconds, and looks when it arrives.
type pulse struct {
	late atomic.Int64 // moving average, in nanoseconds
}

const pulseEvery = 5 * time.Millisecond

// Late is the average delay of the last fifty milliseconds or so.
func (p *pulse) Late() time.Duration { return time.Duration(p.late.Load()) }

// run beats until ctx ends.
func (p *pulse) run(ctx context.Context) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open a pipe to measure this process's own delay: %w", err)
	}
	defer reader.Close()
	var sent atomic.Int64 // when the byte under way was written, since began
	began := time.Now()
	var reading sync.WaitGroup
	reading.Go(func() {
		beat := make([]byte, 1)
		for {
			if _, err := reader.Read(beat); err != nil {
				return // the writer is closed
			}
			delay := int64(time.Since(began)) - sent.Load()
			p.late.Store(p.late.Load() + (delay-p.late.Load())/8)
			sent.Store(0)
		}
	})
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for err == nil && ctx.Err() == nil {
		select {
		case <-tick.C:
			if sent.CompareAndSwap(0, int64(time.Since(began))) { // the last one has arrived
				_, err = writer.Write([]byte{0})
			}
		case <-ctx.Done():
		}
	}
	err = errors.Join(err, writer.Close())
	reading.Wait()
	return err
}
