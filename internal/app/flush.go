package app

import (
	"context"
	"log/slog"

	"stockhold/internal/telemetry"
)

// flush is what sends the last traces and metrics when a server or a sweeper stops.
// A collector that is away is no reason for a stop to fail: what it misses is said
// in the log, and lost.
func flush(installed *telemetry.Telemetry, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := installed.Flush(ctx); err != nil {
			log.Warn("telemetry was lost", "error", err)
		}
		return nil
	}
}
