package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChartsAreWellFormed(t *testing.T) {
	none := math.NaN()
	for name, svg := range map[string]string{
		"bars": Bars{Title: `a < b & "c"`, Unit: "per s", Series: []string{"one", "two"},
			Rows: []Bar{{"x & y", []float64{1, 2}}, {"z", []float64{none, 0}}}}.SVG(),
		"stacked": Bars{Title: "t", Series: []string{"one", "two"}, Stacked: true, Rows: []Bar{{"x", []float64{10, none}}}}.SVG(),
		"lines":   Lines{Title: "t", Marks: []string{"1", "16"}, Lines: []Line{{"<l>", []float64{3, none}}, {"m", []float64{none, 4}}}}.SVG(),
		"empty":   Bars{Title: "t"}.SVG(),
		"no line": Lines{Title: "t"}.SVG(),
	} {
		t.Run(name, func(t *testing.T) {
			decoder := xml.NewDecoder(strings.NewReader(svg))
			for {
				_, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
			}
			require.NotContains(t, svg, "NaN")
		})
	}
}

func TestBarsAreToScale(t *testing.T) {
	svg := Bars{Title: "t", Rows: []Bar{{"a", []float64{100}}, {"b", []float64{50}}}}.SVG()
	full := chartWidth - labelWidth - valueWidth
	require.Contains(t, svg, `width="560.0"`)
	require.Equal(t, 560.0, full)
	require.Contains(t, svg, `width="280.0"`)
}

func TestCeiling(t *testing.T) {
	for highest, want := range map[float64]float64{0: 1, 1: 1, 0.12: 0.15, 99: 100, 101: 150, 8700: 10000, 4200: 5000} {
		require.InDelta(t, want, ceiling(highest), want*1e-9)
	}
}

func TestNumber(t *testing.T) {
	require.Equal(t, []string{"12,346", "99.9", "0.55"}, []string{Number(12345.6), Number(99.94), Number(0.551)})
}
