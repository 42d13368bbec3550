package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/config"
)

// file writes a configuration file.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stockhold.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const everyKind = `
# every kind of value
listen: :9000 # text
call-timeout: 5s
body-limit: 64KiB
max-calls: 1_000
sweep: false
limit-on-hand: 0x100
redis-prefix: "007"
deciders:
  orders: http://orders:8080
  web: https://web.internal/decide,with,commas
`

func TestFile(t *testing.T) {
	cfg, err := read(t, "--config", file(t, everyKind))
	require.NoError(t, err)
	require.Equal(t, ":9000", cfg.Server.Listen)
	require.Equal(t, 5*time.Second, cfg.Server.CallTimeout)
	require.Equal(t, config.Bytes(64<<10), cfg.Server.BodyLimit)
	require.Equal(t, 1000, cfg.Server.MaxCalls)
	require.False(t, cfg.Sweeper.Enabled)
	require.EqualValues(t, 256, cfg.Limits.OnHand)
	require.Equal(t, "007", cfg.Stores.RedisPrefix)
	require.Equal(t, config.Deciders{"orders": "http://orders:8080", "web": "https://web.internal/decide,with,commas"}, cfg.Sweeper.Deciders)
	require.Equal(t, 2000, cfg.Limits.Lines, "what a file does not name keeps its default")
}

func TestFilesThatSayNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing yet\n", "---\n", "--- {}\n", "{}"} {
		cfg, err := read(t, "--config", file(t, text))
		require.NoError(t, err, "%q", text)
		require.Equal(t, 2000, cfg.Limits.Lines)
	}
}

// A flag goes before its variable, the variable before the file, the file before
// the default: for every setting, whatever its type.
func TestPrecedence(t *testing.T) {
	path := file(t, "limit-lines: 100\nlimit-batch: 100\nlimit-page-size: 100\ndeciders: {a: http://a, b: http://b}\nsweep: false\nmysql-wait: 1m\n")
	t.Setenv("STOCKHOLD_CONFIG", path)
	t.Setenv("STOCKHOLD_LIMIT_LINES", "200")
	t.Setenv("STOCKHOLD_LIMIT_BATCH", "200")
	t.Setenv("STOCKHOLD_DECIDERS", "c=http://c")
	t.Setenv("STOCKHOLD_SWEEP", "true")
	cfg, sources, err := given(t, "--limit-lines", "300")
	require.NoError(t, err)
	require.Equal(t, 300, cfg.Limits.Lines)
	require.Equal(t, 200, cfg.Limits.Batch)
	require.Equal(t, 100, cfg.Limits.PageSize)
	require.Equal(t, 64, cfg.Limits.IDLength)
	require.Equal(t, config.Deciders{"c": "http://c"}, cfg.Sweeper.Deciders, "a value is replaced whole")
	require.True(t, cfg.Sweeper.Enabled)
	require.Equal(t, time.Minute, cfg.Stores.MySQLWait)
	origins := sources.Origins()
	for flag, want := range map[string]string{
		"limit-lines": "flag", "limit-batch": "environment STOCKHOLD_LIMIT_BATCH", "limit-page-size": "file " + path + ":3",
		"limit-id-length": "default", "deciders": "environment STOCKHOLD_DECIDERS", "config": "environment STOCKHOLD_CONFIG",
	} {
		require.Equal(t, want, origins[flag].String(), flag)
	}

	other := file(t, "limit-page-size: 200\n")
	cfg, err = read(t, "--config", other)
	require.NoError(t, err)
	require.Equal(t, 200, cfg.Limits.PageSize, "the file of a flag goes before that of a variable")

	t.Setenv("STOCKHOLD_DECIDERS", "")
	cfg, err = read(t)
	require.NoError(t, err)
	require.Empty(t, cfg.Sweeper.Deciders, "a variable that is set to nothing takes back what a file says")
}

func TestBadFiles(t *testing.T) {
	for i, tt := range []struct {
		text string
		want []string
	}{
		{"listn: :80", []string{":1: no such setting: \"listn\" (did you mean listen?)"}},
		{"mysql_dsn: x", []string{"did you mean mysql-dsn?"}},
		{"STOCKHOLD_LIMIT_LINES: 3", []string{"did you mean limit-lines?"}},
		{"\n\ncolour: red", []string{":3: no such setting: \"colour\""}},
		{"config: other.yaml", []string{":1: config cannot be set here"}},
		{"help: true", []string{"no such setting"}},
		{"limit-lines: 1\nlisten: :1\nlimit-lines: 2", []string{":3: \"limit-lines\" is there twice", "line 1"}},
		{"listen: :1\n---\nlisten: :2", []string{":2: a second document begins"}},
		{"- listen", []string{":1: want settings as key: value", "a list"}},
		{"listen", []string{"not text"}},
		{"listen: [", []string{":2: did not find"}},
		{"listen: :1\n data: x", []string{":2: "}},
		{"listen: \xff", []string{"UTF-8"}},
		{"<<: {listen: x}", []string{"no such setting"}},
		{"? [listen]\n: x", []string{"no such setting: a list"}},
		{"limit-lines: '3'", []string{":1: limit-lines must be a whole number, not text"}},
		{"limit-lines: 1e3", []string{"must be a whole number, not a number"}},
		{"limit-lines: 99999999999999999999", []string{"limit-lines"}},
		{"call-timeout: 5", []string{"must be a duration such as 30s, not a number"}},
		{"call-timeout: soon", []string{":1: call-timeout cannot be read: expected duration"}},
		{"body-limit: true", []string{"must be a size such as 1MiB, not true or false"}},
		{"body-limit: big", []string{"cannot be read: want a size"}},
		{"sweep: yes", []string{"must be true or false, not text"}},
		{"redis-prefix: 7", []string{"must be text (put it in quotes), not a number"}},
		{"redis-prefix: 2026-01-01", []string{"not a date"}},
		{"redis-prefix:", []string{"not nothing"}},
		{"redis-prefix: {a: b}", []string{"not a mapping"}},
		{"redis-prefix: !thing x", []string{"not something with a tag"}},
		{"mysql-dsn: *u:hunter2@x", []string{":1: a value that begins with * or & needs quotes"}},
		{"deciders: orders=http://x", []string{"must be a mapping, not text"}},
		{"deciders:\n  a: 1", []string{":1: deciders has \"a\" on line 2, which must be text"}},
		{"deciders:\n  a: http://x\n  a: http://y", []string{"has \"a\" twice, again on line 3"}},
		{"log-level: loud", []string{`:1: log-level is "loud", must be one of debug, info, warn, error`}},
		// what only shows when everything has been read
		{"listen: :1\nlimit-lines: 0", []string{":2: --limit-lines (STOCKHOLD_LIMIT_LINES) is 0, must be 1 to 4000"}},
		{"deciders:\n  a: ftp://u:hunter2@x", []string{":1: --deciders", "ftp"}},
		{"\nmysql-dsn-file: /nowhere", []string{":2: --mysql-dsn-file", "no such file"}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) { // the name is a part of the path
			path := file(t, tt.text)
			_, err := read(t, "--config", path)
			require.ErrorContains(t, err, path)
			for _, part := range tt.want {
				require.ErrorContains(t, err, part)
			}
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := read(t, "--config", filepath.Join(t.TempDir(), "missing.yaml"))
	require.ErrorContains(t, err, "--config (STOCKHOLD_CONFIG) cannot be read")
	_, err = read(t, "--config", file(t, strings.Repeat("#", 2<<20)))
	require.ErrorContains(t, err, "more than 1048576 bytes")
}

// One look at the file, the environment and what they say together tells of all
// that cannot be read, even of what a flag goes before.
func TestAllOfAFileIsToldAtOnce(t *testing.T) {
	t.Setenv("STOCKHOLD_DRAIN_TIMEOUT", "soon")
	t.Setenv("STOCKHOLD_COLOUR", "red")
	_, err := read(t, "--limit-lines=1", "--config", file(t, "limit-lines: many\nlistn: x\nsweep: 3\n"))
	for _, part := range []string{":1: limit-lines", ":2: no such setting", ":3: sweep", "--drain-timeout (STOCKHOLD_DRAIN_TIMEOUT) cannot be read", "STOCKHOLD_COLOUR"} {
		require.ErrorContains(t, err, part)
	}
}

func TestNoVariableIsRepeatedThatMayHoldASecret(t *testing.T) {
	t.Setenv("STOCKHOLD_DECIDERS", "http://u:hunter2@orders")
	_, err := read(t)
	require.ErrorContains(t, err, "--deciders (STOCKHOLD_DECIDERS) cannot be read: want owner=url")
	require.NotContains(t, err.Error(), "hunter2")
}

// What is printed as YAML is a file of the same settings.
func TestPrintedYAMLIsAFile(t *testing.T) {
	cfg, sources, err := given(t, "--config", file(t, everyKind), "--data=7", "--sweep-park-after=3")
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, config.WriteYAML(&text, cfg.Values(sources.Origins())))
	again, err := read(t, "--config", file(t, text.String()))
	require.NoError(t, err, text.String())
	require.NoError(t, cfg.Complete())
	cfg.File, again.File = "", ""
	require.Equal(t, cfg, again)
	require.Regexp(t, `(?m)^sweep-park-after: 3 # flag$`, text.String())
	require.Regexp(t, `(?m)^call-timeout: 5s # file .*stockhold.yaml:4$`, text.String())
	require.Regexp(t, `(?m)^drain-timeout: 20s # default$`, text.String())
	require.Regexp(t, `(?m)^data: "7" # flag$`, text.String())
}

func TestPrintedForProgramsAndPeople(t *testing.T) {
	t.Setenv("STOCKHOLD_LIMIT_LINES", "7")
	cfg, sources, err := given(t, "--config", file(t, everyKind))
	require.NoError(t, err)
	values := cfg.Values(sources.Origins())
	require.Len(t, values, len(config.Settings()))
	var text bytes.Buffer
	require.NoError(t, config.WriteJSON(&text, values))
	var printed struct {
		Settings map[string]struct {
			Value         any
			Source, Place string
			Reloads       bool
		}
	}
	require.NoError(t, json.Unmarshal(text.Bytes(), &printed))
	require.Len(t, printed.Settings, len(values))
	lines := printed.Settings["limit-lines"]
	require.Equal(t, "7 environment STOCKHOLD_LIMIT_LINES true", fmt.Sprint(lines.Value, " ", lines.Source, " ", lines.Place, " ", lines.Reloads))
	require.Equal(t, map[string]any{"orders": "http://orders:8080", "web": "https://web.internal/decide,with,commas"}, printed.Settings["deciders"].Value)
	require.Equal(t, "64KiB", printed.Settings["body-limit"].Value)

	text.Reset()
	require.NoError(t, config.WriteTable(&text, values))
	require.Regexp(t, `(?m)^limit-lines +7 +environment STOCKHOLD_LIMIT_LINES$`, text.String())
	require.Regexp(t, `(?m)^mysql-dsn +none +default$`, text.String())
}

// Whatever is printed, no password is.
func TestPrintedPasswordsAreMasked(t *testing.T) {
	for _, tt := range []struct{ flag, value, want string }{
		{"mysql-dsn", "stock:hunter2@tcp(db:3306)/stock", "stock:***@tcp(db:3306)/stock"},
		{"mysql-dsn", "stock:hun:t/e@r2hunter2@tcp(db:3306)/stock?timeout=3s", "stock:***@tcp(db:3306)/stock?timeout=3s"},
		{"mysql-dsn", "stock@tcp(db:3306)/stock", "stock@tcp(db:3306)/stock"},
		{"mysql-dsn", "hunter2 is no DSN", "***"},
		{"redis-url", "redis://u:hunter2@h:6379/0", "redis://u:***@h:6379/0"},
		{"redis-url", "redis://:hunter2@h:6379?addr=i:6379", "redis://:***@h:6379?addr=i:6379"},
		{"redis-url", "redis://h:6379/0?master_name=m&sentinel_password=hunter2", "redis://h:6379/0?master_name=m&sentinel_password=***"},
		{"redis-url", "redis://u:1?hunter2@h", "***"},
		{"redis-url", "redis://u:hunter2/x@h", "***"},
		{"redis-url", "u:hunter2@h", "***"},
		{"redis-url", "unix://u:hunter2@/run/redis.sock", "unix://u:***@/run/redis.sock"},
		{"deciders", "orders=http://u:hunter2@orders:8080", "orders=http://u:***@orders:8080"},
		{"deciders", "orders=http://orders?token=hunter2", "orders=http://orders?token=***"},
	} {
		cfg, sources, err := given(t, "--"+tt.flag, tt.value)
		require.NoError(t, err)
		values := cfg.Values(sources.Origins())
		for _, v := range values {
			if v.Flag == tt.flag {
				require.Equal(t, tt.want, v.Text())
			}
		}
		var text bytes.Buffer
		require.NoError(t, config.WriteYAML(&text, values))
		require.NoError(t, config.WriteJSON(&text, values))
		require.NoError(t, config.WriteTable(&text, values))
		require.NotContains(t, text.String(), "hunter2")
	}
}

// A setting whose name says that it is a secret is masked, or names a file.
func TestSecretsAreMarked(t *testing.T) {
	secret := regexp.MustCompile(`dsn|password|secret|token|-url|key`)
	for _, s := range config.Settings() {
		if secret.MatchString(s.Flag) && !regexp.MustCompile(`file|FILE`).MatchString(s.Flag+s.Help) {
			require.NotEmpty(t, s.Secret, "--%s", s.Flag)
		}
	}
}

func TestMerge(t *testing.T) {
	running, err := read(t, "--mysql-dsn=u:hunter2@tcp(db:3306)/stock", "--deciders=a=http://a", "--call-timeout=20s")
	require.NoError(t, err)
	next, err := read(t, "--mysql-dsn=u:hunter3@tcp(db:3306)/stock", "--deciders=a=http://b", "--limit-lines=7",
		"--call-timeout=5s", "--sweep-reap-grace=10s", "--log-level=debug")
	require.NoError(t, err)
	merged, changed, waiting := running.Merge(next)
	words := func(changes []config.Change) (all []string) {
		for _, c := range changes {
			all = append(all, c.String())
		}
		return all
	}
	require.Equal(t, []string{"deciders a=http://a -> a=http://b", "sweep-reap-grace 30s -> 10s", "limit-lines 2000 -> 7", "log-level info -> debug"}, words(changed))
	require.Equal(t, []string{"mysql-dsn (what is masked of it)", "call-timeout 20s -> 5s"}, words(waiting))
	require.Equal(t, 7, merged.Limits.Lines)
	require.Equal(t, 20*time.Second, merged.Server.CallTimeout)
	require.Equal(t, running.Stores, merged.Stores)
	require.ErrorContains(t, merged.Complete(), "--sweep-reap-grace", "valid only with what waits for a restart")
	require.Equal(t, 2000, running.Limits.Lines, "what is in force is not touched")

	_, changed, waiting = running.Merge(running)
	require.Empty(t, append(changed, waiting...))
	without := running
	without.Sweeper.Deciders = nil
	_, changed, _ = running.Merge(without)
	require.Equal(t, []string{"deciders a=http://a -> none"}, words(changed))
}
