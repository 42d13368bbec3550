package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// complaints hears what OpenTelemetry's libraries say about themselves. By
// themselves they warn of a variable that they cannot read, repeat its value, which
// may be the collector's token, on standard error, and go on with something else: to
// another address, say. Here what is said while they are set up ends the start, and
// what is said later is a line of the log; neither repeats a value that could be secret.
type complaints struct {
	mu       sync.Mutex
	settled  bool // the set-up is over
	gathered []string
}

// listen makes c the one that they speak to, for the whole process.
func (c *complaints) listen() {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { c.hear(plain(err)) }))
	otel.SetLogger(logr.FromSlogHandler(listener{c}))
}

func (c *complaints) hear(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settled {
		slog.Warn("telemetry", "error", text)
		return
	}
	for _, known := range c.gathered {
		if strings.Contains(known, text) {
			return // traces and metrics read the same variables
		}
	}
	c.gathered = append(c.gathered, text)
}

// settle ends the set-up, and returns what was wrong with it.
func (c *complaints) settle() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settled = true
	if len(c.gathered) == 0 {
		return nil
	}
	return fmt.Errorf("OpenTelemetry cannot use all of its variables (OTEL_...): %s", strings.Join(c.gathered, "; "))
}

// checkEndpoints finds the addresses that can be parsed and lead nowhere:
// collector:4318 is a URL whose scheme is collector.
func (c *complaints) checkEndpoints() {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"} {
		if value := os.Getenv(name); value != "" && !strings.Contains(value, "://") {
			c.hear(name + ": it has no scheme: want http://HOST:PORT or https://HOST:PORT")
		}
	}
}

// plain is what an error says, without the addresses and values that it quotes, in
// which there may be passwords.
func plain(err error) string {
	var address *url.Error
	if errors.As(err, &address) && address.Op == "parse" {
		return "not a URL"
	}
	var escape url.EscapeError
	if errors.As(err, &escape) {
		return "not percent-encoded"
	}
	return err.Error()
}

// listener is the handler of OpenTelemetry's own logger.
type listener struct{ complaints *complaints }

// OpenTelemetry's levels, as logr turns them into slog's: it warns at -1, and tells
// at -4 what it has made, and of numbers in variables that are none.
const (
	warns = slog.Level(-1)
	tells = slog.Level(-4)
)

func (l listener) Enabled(_ context.Context, level slog.Level) bool { return level >= tells }

func (l listener) Handle(_ context.Context, record slog.Record) error {
	text, variable := record.Message, ""
	record.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key == "environment variable":
			variable = a.Value.String()
		case strings.HasPrefix(a.Key, "OTEL_"):
			variable = a.Key
		case a.Key == "err":
			if err, ok := a.Value.Any().(error); ok {
				text += ": " + plain(err)
			}
		}
		return true // the other attributes are the values themselves
	})
	if variable != "" {
		text = variable + ": " + text
	}
	if record.Level >= warns || variable != "" {
		l.complaints.hear(text)
	}
	return nil
}

func (l listener) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l listener) WithGroup(string) slog.Handler { return l }
