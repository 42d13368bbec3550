package audit

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"
)

const (
	progressAfter = 2 * time.Second        // an audit that ends sooner says nothing
	progressEvery = 200 * time.Millisecond // between two lines
	clearLine     = "\r\x1b[K"
)

// ShowProgress is for [Options].Progress where a person watches: it keeps one line
// on a terminal up to date once the audit takes long. Elsewhere it is silent.
// Call done when the audit has ended, before anything else is printed.
func ShowProgress(terminal *os.File) (progress func(step string, count int64), done func()) {
	if !term.IsTerminal(int(terminal.Fd())) {
		return nil, func() {}
	}
	l := &progressLine{w: terminal, now: time.Now}
	l.started = l.now()
	return l.show, l.clear
}

// progressLine is one line that is written over. What cannot be written is lost:
// the audit matters more.
type progressLine struct {
	w       io.Writer
	now     func() time.Time
	started time.Time
	written time.Time
}

func (l *progressLine) show(step string, count int64) {
	now := l.now()
	if now.Sub(l.started) < progressAfter || now.Sub(l.written) < progressEvery {
		return
	}
	l.written = now
	_, _ = fmt.Fprintf(l.w, clearLine+"%s %s, %s", humanize.Comma(count), step, now.Sub(l.started).Truncate(time.Second))
}

func (l *progressLine) clear() {
	if !l.written.IsZero() {
		_, _ = io.WriteString(l.w, clearLine)
	}
}
