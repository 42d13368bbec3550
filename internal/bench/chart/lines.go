package chart

import (
	"fmt"
	"math"
)

// Line is one series of a line chart.
type Line struct {
	Name   string
	Values []float64 // one for each mark of the axis; NaN where there is none
}

// Lines are values over a few marks, as far apart as each other.
type Lines struct {
	Title string
	Unit  string
	Axis  string   // what the marks are
	Marks []string // from left to right
	Lines []Line
}

const (
	plotHeight = 300.0
	plotLeft   = 70.0
	plotRight  = 30.0
	gridLines  = 5
)

// SVG draws the chart.
func (l Lines) SVG() string {
	bottom := headHeight + plotHeight
	c := &canvas{width: chartWidth, height: bottom + 44}
	c.text(10, titleBottom, "title", "start", l.Title)
	c.text(chartWidth-10, titleBottom, "small", "end", l.Unit)
	names := make([]string, len(l.Lines))
	top := 0.0
	for i, line := range l.Lines {
		names[i] = line.Name
		for _, value := range line.Values {
			if !math.IsNaN(value) {
				top = math.Max(top, value)
			}
		}
	}
	top = ceiling(top)
	c.legend(10, titleBottom+24, names)
	for i := range gridLines + 1 {
		value := top * float64(i) / gridLines
		y := bottom - plotHeight*float64(i)/gridLines
		c.line(plotLeft, y, chartWidth-plotRight, y)
		c.text(plotLeft-8, y+4, "small", "end", Number(value))
	}
	for i, mark := range l.Marks {
		c.text(l.x(i), bottom+18, "small", "middle", mark)
	}
	c.text((plotLeft+chartWidth-plotRight)/2, bottom+36, "small", "middle", l.Axis)
	for i, line := range l.Lines {
		l.draw(c, line, color(i), func(value float64) float64 { return bottom - plotHeight*value/top })
	}
	return c.svg(l.Title)
}

func (l Lines) x(mark int) float64 {
	const margin = 30.0
	width := chartWidth - plotRight - plotLeft - 2*margin
	return plotLeft + margin + width*float64(mark)/math.Max(1, float64(len(l.Marks)-1))
}

func (l Lines) draw(c *canvas, line Line, color string, y func(float64) float64) {
	command := "M"
	path := ""
	for i, value := range line.Values {
		if math.IsNaN(value) {
			continue
		}
		path += fmt.Sprintf("%s%.1f %.1f ", command, l.x(i), y(value))
		command = "L"
	}
	fmt.Fprintf(&c.body, `<path d="%s" fill="none" stroke="%s" stroke-width="2.5"/>`+"\n", path, color)
	for i, value := range line.Values {
		if !math.IsNaN(value) {
			fmt.Fprintf(&c.body, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"><title>%s, %s: %s</title></circle>`+"\n",
				l.x(i), y(value), color, escape(line.Name), escape(l.Marks[i]), Number(value))
		}
	}
}
