package display

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
)

// sayEvery is how often progress is told where there is no terminal.
const sayEvery = 5 * time.Second

// Progress shows how far a step has come: as a bar on a terminal, as a line now and
// then elsewhere. It is safe for concurrent use. What cannot be shown is no reason
// to stop.
type Progress struct {
	w    io.Writer
	step string
	what string

	mu    sync.Mutex
	bar   *progressbar.ProgressBar // nil: lines
	done  int
	total int // 0: not known
	said  time.Time
}

// NewProgress begins to show a step over so many things; a total of 0 is not known.
func NewProgress(w io.Writer, terminal bool, step, what string, total int) *Progress {
	p := &Progress{w: w, step: step, what: what, total: total, said: time.Now()}
	if terminal {
		most := total
		if most == 0 {
			most = -1
		}
		p.bar = progressbar.NewOptions(most,
			progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(step), progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(total > 0), progressbar.OptionSetElapsedTime(true), progressbar.OptionUseANSICodes(true),
		)
	}
	return p
}

// Add counts what was done.
func (p *Progress) Add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	switch {
	case p.bar != nil:
		_ = p.bar.Add(n)
	case time.Since(p.said) >= sayEvery:
		p.said = time.Now()
		_, _ = fmt.Fprintln(p.w, p.line())
	}
}

func (p *Progress) line() string {
	if p.total == 0 {
		return fmt.Sprintf("%s: %s %s", p.step, humanize.Comma(int64(p.done)), p.what)
	}
	return fmt.Sprintf("%s: %s of %s %s", p.step, humanize.Comma(int64(p.done)), humanize.Comma(int64(p.total)), p.what)
}

// End leaves the line of a bar. Call it before anything else is printed.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Exit()
		_, _ = fmt.Fprintln(p.w)
		p.bar = nil
	}
}
