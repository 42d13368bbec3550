package chart

import "math"

// Bar is a row of a bar chart: one value for each series.
type Bar struct {
	Label  string
	Values []float64 // one for each series; NaN where there is none
}

// Bars are horizontal bars: of one series or several, beside each other or, if
// Stacked, end to end with their sum.
type Bars struct {
	Title   string
	Unit    string
	Series  []string // names; one series needs none
	Stacked bool
	Rows    []Bar
}

// Where things stand, in pixels.
const (
	chartWidth  = 820.0
	labelWidth  = 170.0
	valueWidth  = 90.0
	barHeight   = 18.0
	barGap      = 2.0
	rowGap      = 12.0
	headHeight  = 64.0
	footHeight  = 14.0
	titleBottom = 24.0
)

// SVG draws the chart.
func (b Bars) SVG() string {
	lanes := max(1, len(b.Series))
	if b.Stacked {
		lanes = 1
	}
	rowHeight := float64(lanes)*(barHeight+barGap) + rowGap
	c := &canvas{width: chartWidth, height: headHeight + rowHeight*float64(len(b.Rows)) + footHeight}
	c.text(10, titleBottom, "title", "start", b.Title)
	c.text(chartWidth-10, titleBottom, "small", "end", b.Unit)
	if len(b.Series) > 1 {
		c.legend(10, titleBottom+24, b.Series)
	}
	scale := (chartWidth - labelWidth - valueWidth) / ceiling(b.highest())
	for i, row := range b.Rows {
		top := headHeight + rowHeight*float64(i)
		c.text(labelWidth-10, top+float64(lanes)*(barHeight+barGap)/2+5, "", "end", row.Label)
		if b.Stacked {
			b.stack(c, row, top, scale)
		} else {
			b.side(c, row, top, scale)
		}
	}
	return c.svg(b.Title)
}

func (b Bars) side(c *canvas, row Bar, top, scale float64) {
	for j, value := range row.Values {
		if math.IsNaN(value) {
			continue
		}
		y := top + float64(j)*(barHeight+barGap)
		c.rect(labelWidth, y, value*scale, barHeight, color(j), row.Label+": "+Number(value))
		c.text(labelWidth+value*scale+6, y+13, "small", "start", Number(value))
	}
}

func (b Bars) stack(c *canvas, row Bar, top, scale float64) {
	sum := 0.0
	for j, value := range row.Values {
		if math.IsNaN(value) {
			continue
		}
		c.rect(labelWidth+sum*scale, top, value*scale, barHeight, color(j), b.Series[j]+": "+Number(value))
		sum += value
	}
	c.text(labelWidth+sum*scale+6, top+13, "small", "start", Number(sum))
}

func (b Bars) highest() float64 {
	highest := 0.0
	for _, row := range b.Rows {
		sum := 0.0
		for _, value := range row.Values {
			if math.IsNaN(value) {
				continue
			}
			sum += value
			if !b.Stacked {
				highest = math.Max(highest, value)
			}
		}
		if b.Stacked {
			highest = math.Max(highest, sum)
		}
	}
	return highest
}
