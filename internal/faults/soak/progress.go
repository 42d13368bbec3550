package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how a soak goes: a bar on a terminal, else a line every ten
// seconds.
type progress struct {
	w     io.Writer
	total time.Duration
	start time.Time

	mu     sync.Mutex
	bar    *progressbar.ProgressBar // nil without a terminal
	next   time.Time
	faults int
	last   string
}

func newProgress(w io.Writer, terminal bool, total time.Duration) *progress {
	p := &progress{w: w, total: total, start: time.Now(), next: time.Now().Add(10 * time.Second)}
	if terminal {
		p.bar = progressbar.NewOptions(int(total/time.Second), progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(24),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true), progressbar.OptionUseANSICodes(true))
	}
	return p
}

// fault notes one that begins.
func (p *progress) fault(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults++
	p.last = f.String()
}

// tick shows where the soak is.
func (p *progress) tick(answered int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := time.Since(p.start)
	if p.bar != nil {
		p.bar.Describe(fmt.Sprintf("%8d answers  %-56.56s", answered, p.last))
		_ = p.bar.Set(int(min(elapsed, p.total) / time.Second)) // what cannot be shown is no reason to stop
		return
	}
	if time.Now().After(p.next) {
		p.next = p.next.Add(10 * time.Second)
		p.line(fmt.Sprintf("%d answers, %d faults, last %s", answered, p.faults, p.last))
	}
}

// note says something that stays to be read.
func (p *progress) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	p.line(what)
}

func (p *progress) line(what string) {
	_, _ = fmt.Fprintf(p.w, "%6.0fs/%s  %s\n", time.Since(p.start).Seconds(), p.total, what)
}
