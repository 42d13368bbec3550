// Package chart draws the few pictures that a report needs as SVG: bars and
// lines, with their figures written beside them. They follow the reader's light
// or dark theme.
package chart

import (
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
)

// canvas collects the elements of one picture.
type canvas struct {
	width, height float64
	body          strings.Builder
}

const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 16px; font-weight: 600; }
.small { font-size: 11px; fill: #57606a; }
.grid { stroke: #d0d7de; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .small { fill: #9198a1; } .grid { stroke: #3d444d; }
}
</style>`

// colors tell series apart, also for those who see no red or no green.
var colors = []string{"#0969da", "#bf8700", "#1a7f7a", "#cf5a8c", "#8250df", "#768390", "#d1242f"}

func color(i int) string { return colors[i%len(colors)] }

func (c *canvas) text(x, y float64, class, anchor, text string) {
	fmt.Fprintf(&c.body, `<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, escape(text))
}

func (c *canvas) rect(x, y, width, height float64, fill, tip string) {
	fmt.Fprintf(&c.body, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%s</title></rect>`+"\n",
		x, y, math.Max(width, 0.5), height, fill, escape(tip))
}

func (c *canvas) line(x1, y1, x2, y2 float64) {
	fmt.Fprintf(&c.body, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="grid"/>`+"\n", x1, y1, x2, y2)
}

// legend names the series in one row.
func (c *canvas) legend(x, y float64, names []string) {
	for i, name := range names {
		c.rect(x, y-10, 11, 11, color(i), name)
		c.text(x+16, y, "", "start", name)
		x += 34 + 7.2*float64(len([]rune(name)))
	}
}

func (c *canvas) svg(title string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">`+"\n%s\n%s</svg>\n",
		c.width, c.height, c.width, c.height, escape(title), style, c.body.String())
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

func escape(s string) string { return escaper.Replace(s) }

// ceiling is a round number not below the highest value.
func ceiling(highest float64) float64 {
	if highest <= 0 {
		return 1
	}
	magnitude := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, step := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
		if step*magnitude >= highest {
			return step * magnitude
		}
	}
	return 10 * magnitude
}

// Number writes a figure with as many digits as can be believed.
func Number(v float64) string {
	switch {
	case v >= 100:
		return humanize.Comma(int64(math.Round(v)))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
