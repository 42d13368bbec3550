package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// configured writes a configuration file and returns its path.
func configured(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stockhold.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// It accepts what serve would, connects to nothing, and shows no password.
func TestConfigCheck(t *testing.T) {
	folder := t.TempDir()
	file := configured(t, "mysql-dsn: stock:hunter2@tcp(192.0.2.1:3306)/stock\nredis-url: redis://u:hunter2@192.0.2.1:6379\nlimit-lines: 5\n")
	env := []string{"STOCKHOLD_CONFIG=" + file, "STOCKHOLD_LISTEN=127.0.0.1:9000"}
	p := run(t, setup{folder: folder, env: env, args: []string{"config", "check"}})
	require.Zero(t, p.code)
	require.Empty(t, p.err.String())
	require.Contains(t, p.out.String(), "mysql-dsn: stock:***@tcp(192.0.2.1:3306)/stock # file "+file+":1")
	require.NotContains(t, p.out.String(), "hunter2")

	again := run(t, setup{args: []string{"config", "check", "--output=table", "--config", configured(t, p.out.String())}})
	require.Zero(t, again.code, "what it prints is a file")
	require.Regexp(t, `(?m)^listen +127.0.0.1:9000 +file `, again.out.String())

	p = run(t, setup{folder: folder, env: env, args: []string{"config", "check", "--output=json", "--limit-lines=7"}})
	require.Zero(t, p.code)
	var printed struct {
		Settings map[string]struct {
			Value  any
			Source string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(p.out.String()), &printed))
	require.EqualValues(t, 7, printed.Settings["limit-lines"].Value)
	require.Equal(t, "flag", printed.Settings["limit-lines"].Source)
	require.Equal(t, "environment", printed.Settings["listen"].Source)
	require.Equal(t, "default", printed.Settings["call-timeout"].Source)

	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left, "it makes nothing")
}

// What it refuses, serve refuses, with the same words and before it does anything.
func TestConfigRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		file, env string
		says      []string
	}{
		"file":           {"listn: :80\nlimit-lines: many\n", "", []string{":1: no such setting", "did you mean listen?", ":2: limit-lines must be a whole number"}},
		"limits":         {"limit-lines: 0\nmax-calls: 0\n", "", []string{":1: --limit-lines", ":2: --max-calls"}},
		"secret missing": {"mysql-dsn-file: /nowhere/dsn\n", "", []string{":1: --mysql-dsn-file", "/nowhere/dsn"}},
		"exposed":        {"listen: :80\nsweep-listen: :80\n", "", []string{"refused for safety: --"}},
		"variable":       {"", "STOCKHOLD_LISTN=:80", []string{"STOCKHOLD_LISTEN?"}},
		"secret":         {"", "STOCKHOLD_DECIDERS=http://u:hunter2@orders", []string{"--deciders (STOCKHOLD_DECIDERS)"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup{env: []string{"STOCKHOLD_CONFIG=" + configured(t, tt.file), tt.env}}
			var said []string
			commands := []string{"config check", "serve", "sweep", "migrate"}
			if name == "exposed" {
				commands = commands[:2] // the others look for stores first, or listen to nobody
			}
			for _, args := range commands {
				s.args, s.folder = strings.Fields(args), t.TempDir()
				p := run(t, s)
				require.Equal(t, 2, p.code, args)
				require.Empty(t, p.out.String())
				for _, part := range tt.says {
					require.Contains(t, p.err.String(), part)
				}
				require.NotContains(t, p.err.String(), "hunter2")
				said = append(said, p.err.String())
			}
			if name != "exposed" { // of which serve looks at its own address only
				require.Equal(t, said[0], said[1])
			}
		})
	}
	p := run(t, setup{args: []string{"config", "check", "--tls-cert=nowhere.pem", "--tls-key=nowhere.pem"}})
	require.Equal(t, 2, p.code)
	require.Contains(t, p.err.String(), "nowhere.pem")
	p = run(t, setup{args: []string{"config", "check", "--config=nowhere.yaml"}})
	require.Equal(t, 2, p.code)
	require.Contains(t, p.err.String(), "nowhere.yaml")
	p = run(t, setup{args: []string{"version"}, env: []string{"STOCKHOLD_CONFIG=nowhere.yaml"}})
	require.Zero(t, p.code, "a command without settings does not look")
}
