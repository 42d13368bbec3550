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
	mu   sync.Mutex
	seen map[*faults.Process]map[string]float64
}

func newCounter() *counter { return &counter{seen: map[*faults.Process]map[string]float64{}} }

// read reads one process. One that does not answer keeps its last reading.
func (c *counter) read(ctx context.Context, p *faults.Process) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	series, err := p.Series(ctx, "stockhold_interceptions_total")
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[p] = series
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
func (c *counter) kinds() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]int64{}
	for _, series := range c.seen {
		for labels, n := range series {
			_, kind, _ := strings.Cut(labels, `kind="`)
			kind, _, _ = strings.Cut(kind, `"`)
			all[kind] += int64(n)
		}
	}
	return all
}
