package demo

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// sayEvery is how often progress is told where there is no terminal.
const sayEvery = 2 * time.Second

// progress shows how far a step has come: as a bar on a terminal, as a line now
// and then elsewhere. What cannot be shown is no reason to stop.
type progress struct {
	w        io.Writer // nil: nowhere
	terminal bool

	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	step  string
	what  string
	done  int
	total int
	said  time.Time
}

func (p *progress) begin(step, what string, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step, p.what, p.done, p.total, p.said = step, what, 0, total, time.Now()
	if p.w != nil && p.terminal && total > 0 {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(fmt.Sprintf("%-8s", step)),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true), progressbar.OptionUseANSICodes(true),
		)
	}
}

// add is safe for concurrent use.
func (p *progress) add() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to(p.done + 1)
}

func (p *progress) set(done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to(done)
}

func (p *progress) to(done int) {
	p.done = done
	switch {
	case p.w == nil:
	case p.bar != nil:
		_ = p.bar.Set(min(done, p.total))
	case time.Since(p.said) >= sayEvery:
		p.say()
	}
}

func (p *progress) say() {
	p.said = time.Now()
	_, _ = fmt.Fprintf(p.w, "%s: %d of %d %s\n", p.step, p.done, p.total, p.what)
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.w == nil || p.total == 0:
	case p.bar != nil:
		_ = p.bar.Finish()
		_, _ = fmt.Fprintln(p.w)
	default:
		p.say()
	}
	p.bar = nil
}
