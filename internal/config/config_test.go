package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"stockhold/internal/config"
	"stockhold/reservation"
)

// read parses a command line in the test's environment, as the program does.
func read(t *testing.T, args ...string) (config.Config, error) {
	t.Helper()
	cfg, sources, err := given(t, args...)
	if err == nil {
		err = sources.Placed(cfg.Complete())
	}
	return cfg, err
}

// given parses without completing.
func given(t *testing.T, args ...string) (config.Config, *config.Sources, error) {
	t.Helper()
	var cfg config.Config
	sources := config.NewSources(os.Environ(), nil)
	parser, err := kong.New(&cfg, kong.Name("test"), sources)
	require.NoError(t, err)
	_, err = parser.Parse(args)
	return cfg, sources, err
}

func TestDefaultIsAnEmptyCommandLine(t *testing.T) {
	parsed, err := read(t)
	require.NoError(t, err)
	byDefault := config.Default()
	require.NoError(t, byDefault.Complete())
	require.Equal(t, parsed, byDefault)
}

// A default that is written down twice, here and in the domain, is one default.
func TestDefaultsAreTheDomains(t *testing.T) {
	cfg := config.Default()
	require.Equal(t, reservation.DefaultLimits(), cfg.Limits.Domain())
	require.Equal(t, 1, cfg.LedgerOptions().Committers, "the embedded ledger has one writer")

	cfg.Stores.MySQLDSN = "root@tcp(127.0.0.1:3306)/stock"
	require.Equal(t, 2, cfg.LedgerOptions().Committers)
	sweeps := cfg.Sweeper.Options()
	require.Equal(t, time.Second, sweeps.Interval)
	require.Equal(t, 30*time.Second, sweeps.Lease)
	require.Equal(t, 5*time.Second, sweeps.RequestTimeout)
	require.Equal(t, 10, sweeps.ParkAfter)
	require.Equal(t, 30*time.Second, sweeps.Grace)
	require.Equal(t, reservation.Retention{Ended: 720 * time.Hour, Tombstones: 24 * time.Hour, Adjustments: 720 * time.Hour}, sweeps.Retention)
}

func TestEverySettingHasItsTwinAndSaysWhatItIs(t *testing.T) {
	settings := config.Settings()
	require.NotEmpty(t, settings)
	for _, s := range settings {
		require.Equal(t, config.Prefix+strings.ToUpper(strings.ReplaceAll(s.Flag, "-", "_")), s.Variable, "--%s", s.Flag)
		require.True(t, strings.HasSuffix(s.Help, "."), "--%s: %q is no sentence", s.Flag, s.Help)
		require.NotEmpty(t, s.Group, "--%s", s.Flag)
	}
}

func TestFlagsAndVariables(t *testing.T) {
	t.Setenv("STOCKHOLD_LISTEN", ":9000")
	t.Setenv("STOCKHOLD_BODY_LIMIT", "64KiB")
	t.Setenv("STOCKHOLD_DECIDERS", "orders=http://orders:8080,web=https://web.internal/decide")
	t.Setenv("STOCKHOLD_SWEEP", "false")
	t.Setenv("STOCKHOLD_LIMIT_MAX_TTL", "1h")
	cfg, err := read(t, "--listen", "127.0.0.1:9001", "--mysql-dsn", "u:p@tcp(db:3306)/stock", "--redis-url", "redis://r:6379/0", "--migrate")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:9001", cfg.Server.Listen, "a flag goes before its variable")
	require.Equal(t, config.Bytes(64<<10), cfg.Server.BodyLimit)
	require.True(t, cfg.Server.Migrate)
	require.Equal(t, []string{"orders", "web"}, cfg.Sweeper.Deciders.Owners())
	require.True(t, cfg.Sweeper.HasDecider("orders"))
	require.False(t, cfg.Sweeper.HasDecider("shop"))
	require.False(t, cfg.Sweeper.Enabled)
	require.Equal(t, time.Hour, cfg.Limits.MaxTTL)
	require.False(t, cfg.Stores.Embedded())
}

func TestBadValues(t *testing.T) {
	const dsn = "--mysql-dsn=stock:hunter2@tcp(db:3306)/stock"
	for _, tt := range []struct {
		name string
		args []string
		want []string // parts of the message
	}{
		{"no number", []string{"--limit-lines=many"}, []string{"--limit-lines", "many"}},
		{"too few", []string{"--limit-lines=0"}, []string{"--limit-lines (STOCKHOLD_LIMIT_LINES)", "0", "1 to 4000"}},
		{"wider than its column", []string{"--limit-id-length=65"}, []string{"--limit-id-length", "65", "8 to 64"}},
		{"more than the wire carries", []string{"--limit-quantity=2147483648"}, []string{"--limit-quantity", "2147483648", "2147483647"}},
		{"no duration", []string{"--call-timeout=10"}, []string{"--call-timeout", "10"}},
		{"no time at all", []string{"--call-timeout=0s"}, []string{"--call-timeout (STOCKHOLD_CALL_TIMEOUT)", "0s", "1ms to 10m0s"}},
		{"no size", []string{"--body-limit=big"}, []string{"--body-limit", "big", "512KiB"}},
		{"too large a body", []string{"--body-limit=1GiB"}, []string{"--body-limit", "1.0 GiB", "64 MiB"}},
		{"no port", []string{"--listen=localhost"}, []string{"--listen (STOCKHOLD_LISTEN)", `"localhost"`, "host:port"}},
		{"no such port", []string{"--listen=localhost:http"}, []string{"--listen", `"localhost:http"`, "0 to 65535"}},
		{"no such level", []string{"--log-level=loud"}, []string{"--log-level", "loud"}},
		{"no such format", []string{"--log-format=xml"}, []string{"--log-format", "xml"}},
		{"ttl upside down", []string{"--limit-min-ttl=2h", "--limit-max-ttl=1h"}, []string{"--limit-min-ttl", "2h0m0s", "--limit-max-ttl", "1h0m0s"}},
		{"default ttl outside", []string{"--limit-max-ttl=1m"}, []string{"--default-ttl", "15m0s", "1m0s"}},
		{"Redis without MySQL", []string{"--redis-url=redis://r:6379"}, []string{"--redis-url (STOCKHOLD_REDIS_URL)", "--mysql-dsn (STOCKHOLD_MYSQL_DSN)"}},
		{"malformed URL", []string{dsn, "--redis-url=memcached://:hunter2@r:6379"}, []string{"--redis-url (STOCKHOLD_REDIS_URL)", "memcached"}},
		{"malformed DSN", []string{"--mysql-dsn=stock:hunter2@db"}, []string{"--mysql-dsn", "malformed"}},
		{"DSN without a database", []string{"--mysql-dsn=stock:hunter2@tcp(db:3306)/"}, []string{"--mysql-dsn", "names no database"}},
		{"too few connections", []string{dsn, "--mysql-connections=8", "--ledger-committers=4"}, []string{"--mysql-connections", "8", "6 more than --ledger-committers"}},
		{"no folder", []string{"--data="}, []string{"--data (STOCKHOLD_DATA)", "empty"}},
		{"a prefix that Redis would take apart", []string{dsn, "--redis-prefix={a}"}, []string{"--redis-prefix", `"{a}"`}},
		{"decider without owner", []string{"--deciders=http://orders"}, []string{"--deciders", "owner=url"}},
		{"owner twice", []string{"--deciders=a=http://x,a=http://y"}, []string{"--deciders", `"a"`, "two deciders"}},
		{"decider by another protocol", []string{"--deciders=a=ftp://x"}, []string{"--deciders (STOCKHOLD_DECIDERS)", `"a"`, "ftp"}},
		{"owner that cannot be", []string{"--deciders=a b=http://x"}, []string{"--deciders", `"a b"`}},
		{"lease too short to ask", []string{"--sweep-lease=10s"}, []string{"--sweep-lease", "10s", "--decider-timeout", "5s"}},
		{"reaping calls under way", []string{"--sweep-reap-grace=10s"}, []string{"--sweep-reap-grace", "10s", "--call-timeout"}},
		{"slowest faster than first", []string{"--sweep-backoff=1m", "--sweep-slowest=1s"}, []string{"--sweep-slowest", "1s", "1m0s"}},
		{"keeping nothing", []string{"--keep-ended=1s"}, []string{"--keep-ended", "1s", "1m0s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(t, tt.args...)
			require.Error(t, err)
			for _, part := range tt.want {
				require.ErrorContains(t, err, part)
			}
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	_, err := read(t, "--limit-lines=0", "--limit-batch=0", "--listen=nowhere")
	require.ErrorContains(t, err, "--limit-lines")
	require.ErrorContains(t, err, "--limit-batch")
	require.ErrorContains(t, err, "--listen")
}

func TestBadValueInAVariableNamesIt(t *testing.T) {
	t.Setenv("STOCKHOLD_DRAIN_TIMEOUT", "soon")
	_, err := read(t)
	require.ErrorContains(t, err, "STOCKHOLD_DRAIN_TIMEOUT")
	require.ErrorContains(t, err, "soon")
}

func TestSecretsFromFiles(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	t.Setenv("STOCKHOLD_MYSQL_DSN_FILE", file("u:p@tcp(db:3306)/stock\n"))
	t.Setenv("STOCKHOLD_REDIS_URL_FILE", file("redis://:p@r:6379/0\r\n"))
	cfg, err := read(t)
	require.NoError(t, err)
	require.Equal(t, "u:p@tcp(db:3306)/stock", cfg.Stores.MySQLDSN)
	require.Equal(t, "redis://:p@r:6379/0", cfg.Stores.RedisURL)
	require.NoError(t, cfg.Complete(), "completing twice is harmless")

	_, err = read(t, "--mysql-dsn", "u@tcp(other:3306)/stock")
	require.ErrorContains(t, err, "STOCKHOLD_MYSQL_DSN_FILE")
	require.ErrorContains(t, err, "both set")

	for name, path := range map[string]string{
		"is empty":     file("\n"),
		"more than":    file(strings.Repeat("x", 1<<17)),
		"no such file": filepath.Join(t.TempDir(), "missing"),
	} {
		_, err = read(t, "--mysql-dsn-file", path)
		require.ErrorContains(t, err, "--mysql-dsn-file (STOCKHOLD_MYSQL_DSN_FILE)")
		require.ErrorContains(t, err, name)
	}
}

func TestUnknownVariables(t *testing.T) {
	require.NoError(t, config.CheckEnvironment([]string{"HOME=/", "STOCKHOLD_DATA=x", "STOCKHOLDER=y", "STOCKHOLD=z"}))

	err := config.CheckEnvironment([]string{"STOCKHOLD_LISTN=:80", "STOCKHOLD_DATA=x", "STOCKHOLD_COLOUR=red"})
	require.EqualError(t, err, "no such setting: STOCKHOLD_COLOUR, STOCKHOLD_LISTN (did you mean STOCKHOLD_LISTEN?)")
}

// In a pod next to a Service "stockhold" or "stockhold-redis" Kubernetes sets
// these by itself.
func TestKubernetesServiceLinksAreNoSettings(t *testing.T) {
	require.NoError(t, config.CheckEnvironment([]string{
		"STOCKHOLD_SERVICE_HOST=10.0.0.1", "STOCKHOLD_SERVICE_PORT=8080", "STOCKHOLD_SERVICE_PORT_HTTP=8080",
		"STOCKHOLD_PORT=tcp://10.0.0.1:8080", "STOCKHOLD_PORT_8080_TCP=tcp://10.0.0.1:8080",
		"STOCKHOLD_PORT_8080_TCP_PROTO=tcp", "STOCKHOLD_PORT_8080_TCP_PORT=8080", "STOCKHOLD_PORT_8080_TCP_ADDR=10.0.0.1",
		"STOCKHOLD_REDIS_SERVICE_HOST=10.0.0.2", "STOCKHOLD_REDIS_PORT=tcp://10.0.0.2:6379",
	}))
	require.Error(t, config.CheckEnvironment([]string{"STOCKHOLD_PORT=8080"}), "a person wrote that")

	for _, s := range config.Settings() {
		require.Error(t, config.CheckEnvironment([]string{s.Variable + "_X=1"}), "%s is not told from a service link", s.Variable)
	}
}
