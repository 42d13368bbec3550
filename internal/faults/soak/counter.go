package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"stockhold/internal/faults"
)

// counter adds up what processes count of themselves, the dead ones too: it reads
// them again and again, and right before a kill where it can. What a process
// counted after the last reading is missing.
type counter struct {
	mu      sync.Mutex
	caught  readings // interceptions, by kind
	retried readings // batches that were run again, by cause
}

// readings are the last figures of each process, by labels.
type readings map[*faults.Process]map[string]float64

func newCounter() *counter { return &counter{caught: readings{}, retried: readings{}} }

// read reads one process. One that does not answer keeps its last reading.
func (c *counter) read(ctx context.Context, p *faults.Process) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for metric, seen := range map[string]readings{"stockhold_interceptions_total": c.caught, "stockhold_ledger_retries_total": c.retried} {
		series, err := p.Series(ctx, metric)
		if err != nil {
			return
		}
		c.mu.Lock()
		seen[p] = series
		c.mu.Unlock()
	}
}

// watch reads all servers every second until ctx ends.
func (c *counter) watch(ctx context.Context, servers []*faults.Server) {
	for ctx.Err() == nil {
		for _, s := range servers {
			c.read(ctx, s.Process())
		}
		pause(ctx, time.Second)
	}
}

// kinds are the interceptions of all processes, by kind.
func (c *counter) kinds() map[string]int64 { return c.sum(c.caught, "kind") }

// commitsRunAgain is how often a batch was run again because nobody knew what had
// become of its COMMIT.
func (c *counter) commitsRunAgain() int64 { return c.sum(c.retried, "cause")["commit_unknown"] }

// sum adds up the figures of all processes by the value of a label.
func (c *counter) sum(seen readings, label string) map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]int64{}
	for _, series := range seen {
		for labels, n := range series {
			_, value, _ := strings.Cut(labels, label+`="`)
			value, _, _ = strings.Cut(value, `"`)
			if n > 0 { // they are there from the start
				all[value] += int64(n)
			}
		}
	}
	return all
}
