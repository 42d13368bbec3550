package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/bench/report"
	"stockhold/internal/leaktest"
)

// The peers are this program, too: the test's binary must be one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "peer" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	leaktest.Main(m)
}

// A run of two cells, from the stores to the report.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	var out, errs bytes.Buffer
	code := run([]string{"--out", folder, "--quick", "--only", "cycles", "--systems", "stockhold,conditional-update",
		"--callers", "4", "--rounds", "1", "--seconds", "0.5"}, &out, &errs)
	require.Equal(t, exitOK, code, "%s%s", &out, &errs)

	text, err := os.ReadFile(filepath.Join(folder, report.JSONFile))
	require.NoError(t, err)
	var r report.Report
	require.NoError(t, json.Unmarshal(text, &r))
	require.Empty(t, r.Problems)
	require.Len(t, r.Cells, 2)
	for _, cell := range r.Cells {
		require.Positive(t, cell.Median.Rate, cell.System)
		require.Positive(t, cell.Median.CPU["service"], cell.System)
		require.Positive(t, cell.Median.RSS["mariadb"], cell.System)
	}
	require.Contains(t, r.Ratios, "cycles_over_sql")
	require.Contains(t, out.String(), "cycles, stockhold, 4 callers", "it says what is under way")
	require.FileExists(t, filepath.Join(folder, report.MarkdownFile))
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"--out", "x", "--only"}, {"--out", "x", "--flag-of-tomorrow"}, {"peer"}} {
		var out, errs bytes.Buffer
		require.Equal(t, exitUsage, run(args, &out, &errs), args)
		require.NotEmpty(t, errs.String())
	}
}

func TestNobodyIsAPeer(t *testing.T) {
	err := (&peerCommand{Name: "nobody"}).Run(context.Background(), &bytes.Buffer{})
	require.ErrorContains(t, err, "nobody")
}
