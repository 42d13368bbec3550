package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/config"
	"stockhold/reservation"
)

// fuzzed are the settings that a fuzzer may set: all but the names of files, which
// would make it open what it likes.
func fuzzed() (settings []config.Setting) {
	for _, s := range config.Settings() {
		if !strings.HasSuffix(s.Flag, "-file") && s.Flag != "config" {
			settings = append(settings, s)
		}
	}
	return settings
}

// parse reads one setting as a flag or as a variable.
func parse(t *testing.T, s config.Setting, value string, variable bool, more ...string) (config.Config, error) {
	if !variable || strings.ContainsRune(value, 0) { // which no environment can hold
		return read(t, append(more, "--"+s.Flag+"="+value)...)
	}
	t.Setenv(s.Variable, value)
	return read(t, more...)
}

// Whatever a setting is given, the result is a configuration that keeps within
// what the program can do, or an error that names the setting.
func FuzzSettings(f *testing.F) {
	settings := fuzzed()
	of := map[string][]string{
		"mysql-dsn":   {"u:p@tcp(db:3306)/stock", "u@unix(/s)/x?tls=maybe"},
		"redis-url":   {"redis://h", "redis://a?addr=b", "redis://a/0?master_name=m&addr=b"},
		"deciders":    {"orders=http://orders:8080,web=https://web", "a=http://x,a=http://y", ",", "="},
		"listen":      {":80", "[::1]:0", "localhost:http"},
		"body-limit":  {"1PiB", "1e3"},
		"sweep":       {"no", "true"},
		"log-level":   {"warn", "${log-level}"},
		"data":        {"@x", "\xff\xfe"},
		"default-ttl": {"1m", "-1s"},
	}
	for i, s := range settings {
		for j, value := range append(of[s.Flag], "", "-1", "9223372036854775807", "999999h") {
			f.Add(byte(i), value, (i+j)%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, value string, variable bool) {
		s := settings[int(which)%len(settings)]
		cfg, err := parse(t, s, value, variable)
		if err != nil {
			require.True(t, strings.Contains(err.Error(), "--"+s.Flag) || strings.Contains(err.Error(), s.Variable), "--%s=%q: %v", s.Flag, value, err)
			require.Less(t, len(err.Error()), 1000+8*len(value))
			return
		}
		require.NoError(t, cfg.Complete(), "completing twice is harmless")
		limits, widest := cfg.Limits.Domain(), reservation.DefaultLimits()
		require.True(t, 0 < limits.IDLength && limits.IDLength <= widest.IDLength)
		require.True(t, 0 < limits.SKULength && limits.SKULength <= widest.SKULength)
		require.True(t, 0 < limits.TextLength && limits.TextLength <= widest.TextLength)
		require.True(t, 0 < limits.Quantity && limits.Quantity < 1<<31)
		require.True(t, 0 < limits.OnHand && limits.OnHand < 1<<53)
		require.True(t, 0 < limits.MinTTL && limits.MinTTL <= limits.DefaultTTL && limits.DefaultTTL <= limits.MaxTTL)
		require.True(t, 0 < limits.Lines && 0 < limits.Batch && 0 < limits.PageSize)
		require.Positive(t, cfg.Server.BodyLimit)
		require.Positive(t, cfg.Server.CallTimeout)
		ledger, sweeps := cfg.LedgerOptions(), cfg.Sweeper.Options()
		require.True(t, 0 < ledger.Committers && 0 < ledger.BatchLines && 0 < ledger.QueueLines && 0 < ledger.BatchTimeout)
		require.True(t, 0 < sweeps.Interval && 0 < sweeps.Lease && 0 < sweeps.Retention.Ended && cfg.Server.CallTimeout < sweeps.Grace)
		require.True(t, cfg.Stores.RedisURL == "" || !cfg.Stores.Embedded())
	})
}

// A password is in no error, wherever the mistake is.
func FuzzSecrets(f *testing.F) {
	const password = ":hunter2@"
	var secrets []config.Setting
	for _, s := range fuzzed() {
		if s.Flag == "mysql-dsn" || s.Flag == "redis-url" || s.Flag == "deciders" {
			secrets = append(secrets, s)
		}
	}
	require.Len(f, secrets, 3)
	for i := range secrets {
		for _, around := range [][2]string{{"", ""}, {"stock", "tcp(db:3306)/"}, {"stock", "tcp(db:3306/stock"}, {"stock", "db"}, {"x@tcp(a", "b)/"},
			{"stock", "tcp(db:3306)/stock?timeout=soon"}, {"redis://u", "h:6379/zero"}, {"memcached://", "h"}, {"redis://u", "h:port"},
			{"redis+sentinel://u", "h"}, {"redis+cluster://u", "h,/"}, {"redis://%zz", "h"}, {"redis://u", "h/0?max_retries=many"},
			{"a=http://u", "h"}, {"http://u", "h"}, {"http://u", "h/?a=b"}, {"a=http://u", "h,a=http://x"}, {"a=http://x,a=http://u", "h"}, {"a=http://x,u", "h"},
			{"a=http://u,", "h"}, {"a=ftp://u", "h"}, {"a=http://%zz", "h"}} {
			f.Add(byte(i), around[0], around[1], i%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, before, after string, variable bool) {
		s := secrets[int(which)%len(secrets)]
		var more []string
		if s.Flag == "redis-url" {
			more = []string{"--mysql-dsn=u@tcp(db:3306)/stock"}
		}
		if strings.Contains(before+after, "hunter2") {
			return // there is a password elsewhere, too
		}
		if _, err := parse(t, s, before+password+after, variable, more...); err != nil {
			require.NotContains(t, err.Error(), "hunter2")
			require.True(t, strings.Contains(err.Error(), "--"+s.Flag) || strings.Contains(err.Error(), s.Variable), "%v", err)
		}
	})
}

// A password is in no error about a file either, however the YAML around it goes
// wrong, and what is read is read whole.
func FuzzFile(f *testing.F) {
	const password = ":hunter2@"
	for _, around := range [][2]string{{"mysql-dsn: u", "tcp(db:3306)/stock"}, {"mysql-dsn: *u", "x"}, {"mysql-dsn: &u", "x"}, {"mysql-dsn: [u", "x]"},
		{"mysql-dsn: {u", "x}"}, {"u", "x: y"}, {"deciders: {a: 'http://u", "h'}"}, {"deciders: {'http://u", "h': a}"}, {"deciders: u", "h"},
		{"? u", "x"}, {"redis-url: \"redis://u", "h"}, {"mysql-dsn: !u", " x"}, {"mysql-dsn: |\n  u", "x"}, {"--- u", "x"},
		{"%YAML u", "x"}, {"a: 1\n---\nu", "x"}, {"- u", "x"}, {"\tu", ""}} {
		f.Add(around[0], around[1])
	}
	path := filepath.Join(f.TempDir(), "stockhold.yaml")
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before+after, "hunter2") {
			return // there is a password elsewhere, too
		}
		for _, s := range config.Settings() {
			if s.Secret == "" && strings.Contains(before+after, s.Flag) {
				return // whose value may be told, and which might make it open what it likes
			}
		}
		require.NoError(t, os.WriteFile(path, []byte(before+password+after), 0o600))
		cfg, err := read(t, "--config="+path)
		if err != nil {
			require.NotContains(t, err.Error(), "hunter2")
			return
		}
		require.NoError(t, cfg.Complete(), "completing twice is harmless")
	})
}

// A variable is a setting, is nothing to us, or is refused by its name.
func FuzzEnvironment(f *testing.F) {
	for _, s := range config.Settings() {
		f.Add(s.Variable, "x")
		f.Add(s.Variable+"X", "x")
	}
	f.Add("STOCKHOLD_", "")
	f.Add("STOCKHOLD_PORT", "tcp://10.0.0.1:80")
	f.Add("STOCKHOLD_PORT", "80")
	f.Add("STOCKHOLD_SERVICE_HOST", "10.0.0.1")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.ContainsAny(name, "=\x00") {
			return // no variable can be called so
		}
		if err := config.CheckEnvironment([]string{name + "=" + value}); err != nil {
			require.True(t, strings.HasPrefix(name, config.Prefix))
			require.ErrorContains(t, err, "no such setting: "+name)
		}
	})
}
