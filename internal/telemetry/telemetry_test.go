package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
)

func TestInstallServesWhatIsCounted(t *testing.T) {
	// Made before there is a provider, as packages make theirs.
	counter, err := otel.Meter("test").Int64Counter("stockhold.test.calls")
	require.NoError(t, err)
	installed, err := Install()
	require.NoError(t, err)
	again, err := Install()
	require.NoError(t, err)
	counter.Add(t.Context(), 3)

	for _, h := range []http.Handler{installed.Metrics, again.Metrics} {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		require.Equal(t, http.StatusOK, answer.Code)
		for _, line := range []string{"\nstockhold_test_calls_total 3\n", "\nstockhold_build_info{", "\ngo_goroutines "} {
			require.Contains(t, answer.Body.String(), line)
		}
	}
}

func TestLogLevelAndFormat(t *testing.T) {
	var out bytes.Buffer
	log, level, err := NewLogger(&out, "warn", "json")
	require.NoError(t, err)
	derived := log.With("part", "of it")
	log.Info("not this")
	log.Warn("this")
	require.NotContains(t, out.String(), "not this")
	require.Contains(t, out.String(), `"msg":"this"`)

	level.Set(slog.LevelDebug)
	derived.Debug("and this")
	require.Contains(t, out.String(), `"msg":"and this"`)
	level.Set(slog.LevelError)
	derived.Warn("no more")
	require.NotContains(t, out.String(), "no more")

	_, _, err = NewLogger(io.Discard, "loud", "text")
	require.ErrorContains(t, err, `"loud"`)
	_, _, err = NewLogger(io.Discard, "info", "xml")
	require.ErrorContains(t, err, `"xml"`)
}

// What the drivers say on their own comes in the program's format, as detail.
func TestDriversLogThroughOurs(t *testing.T) {
	var out bytes.Buffer
	log, _, err := NewLogger(&out, "debug", "json")
	require.NoError(t, err)
	before := slog.Default()
	t.Cleanup(func() { require.NoError(t, SetDefault(before)) })
	require.NoError(t, SetDefault(log))

	redisLog{log}.Printf(context.Background(), "pool %s\n", "empty")
	mysqlLog{log}.Print("closing bad connection: ", errors.New("EOF"))
	require.Contains(t, out.String(), `"msg":"pool empty","driver":"redis"`)
	require.Contains(t, out.String(), `"msg":"closing bad connection: EOF","driver":"mysql"`)
}

func TestBuild(t *testing.T) {
	require.Contains(t, buildFrom(nil).String(), "stockhold (devel), go1.")

	b := buildFrom(&debug.BuildInfo{
		Main: debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"},
		},
	})
	require.Contains(t, b.String(), "stockhold v1.2.3 (commit 0123456789ab of 2026-01-02T03:04:05Z, changed), go1.")
}
