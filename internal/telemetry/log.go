package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
)

// NewLogger writes to w what is at least of the level: debug, info, warn or
// error. The format is text or json. A line that is logged with the context of a
// span names its trace. The level that it returns can be changed while the logger,
// and all that were made of it, are used.
func NewLogger(w io.Writer, level, format string) (*slog.Logger, *slog.LevelVar, error) {
	parsed, err := ParseLevel(level)
	if err != nil {
		return nil, nil, err
	}
	least := new(slog.LevelVar)
	least.Set(parsed)
	options := &slog.HandlerOptions{Level: least}
	out := &outlet{to: w}
	switch format {
	case "text":
		return slog.New(lines{slog.NewTextHandler(out, options), out}), least, nil
	case "json":
		return slog.New(lines{slog.NewJSONHandler(out, options), out}), least, nil
	}
	return nil, nil, fmt.Errorf("log format %q: want text or json", format)
}

// ParseLevel reads a level as it is configured.
func ParseLevel(level string) (slog.Level, error) {
	var parsed slog.Level
	if err := parsed.UnmarshalText([]byte(level)); err != nil {
		return 0, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	return parsed, nil
}

// SetDefault makes log the logger of the whole process: of code that is given
// none, and of the database drivers, which else write lines of their own to
// standard error. What drivers say they also return as errors, so it is debug.
func SetDefault(log *slog.Logger) error {
	slog.SetDefault(log)
	redis.SetLogger(redisLog{log})
	if err := mysql.SetLogger(mysqlLog{log}); err != nil {
		return fmt.Errorf("set the logger of the MySQL driver: %w", err)
	}
	return nil
}

type redisLog struct{ log *slog.Logger }

func (r redisLog) Printf(ctx context.Context, format string, args ...any) {
	if r.log.Enabled(ctx, slog.LevelDebug) {
		r.log.DebugContext(ctx, strings.TrimSpace(fmt.Sprintf(format, args...)), "driver", "redis")
	}
}

type mysqlLog struct{ log *slog.Logger }

func (m mysqlLog) Print(args ...any) {
	if m.log.Enabled(context.Background(), slog.LevelDebug) {
		m.log.Debug(strings.TrimSpace(fmt.Sprint(args...)), "driver", "mysql")
	}
}
