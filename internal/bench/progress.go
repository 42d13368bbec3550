package bench

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows which cell is under way and how many are left: as a bar on a
// terminal, line by line elsewhere.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil without a terminal
	start time.Time
	done  int
	total int
}

func newProgress(w io.Writer, terminal bool, total int) *progress {
	p := &progress{w: w, total: total, start: time.Now()}
	if terminal {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(24),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionUseANSICodes(true))
	}
	return p
}

// begin names what is under way.
func (p *progress) begin(what string) {
	if p.bar != nil {
		p.bar.Describe(fmt.Sprintf("%-52.52s", what))
		return
	}
	p.line(what)
}

// note says something that stays to be read.
func (p *progress) note(what string) {
	if p.bar != nil {
		_ = p.bar.Clear() // what cannot be shown is no reason to stop
	}
	p.line(what)
}

func (p *progress) line(what string) {
	_, _ = fmt.Fprintf(p.w, "%5.0fs %3d/%d  %s\n", time.Since(p.start).Seconds(), p.done, p.total, what)
}

// step counts what begin named as done.
func (p *progress) step() {
	p.done++
	if p.bar != nil {
		_ = p.bar.Set(p.done)
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		_, _ = fmt.Fprintln(p.w)
	}
}
