package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kong"
)

// Prefix starts the name of every variable that is a setting.
const Prefix = "STOCKHOLD_"

// Setting is one row of the reference: a field of Config as the command line
// parser sees it.
type Setting struct {
	Group    string // which part of Config it belongs to
	Flag     string // without the dashes
	Variable string
	Default  string // as it would be written; empty for none
	Help     string
	Reloads  bool   // a running process takes it over when it reads its configuration again
	Secret   string // what may hide a password: dsn, url, all; empty: nothing does
}

// Settings lists all settings in the order of Config.
func Settings() []Setting { return slices.Clone(settings()) }

// The parser panics on a struct that it cannot read, which no input can cause.
var settings = sync.OnceValue(func() []Setting {
	var all []Setting
	for _, flag := range kong.Must(&Config{}, kong.NoDefaultHelp()).Model.Flags {
		setting := Setting{Group: flag.Group.Key, Flag: flag.Name, Default: flag.Default, Help: flag.Help,
			Reloads: flag.Tag.Has("reload"), Secret: flag.Tag.Get("secret")}
		if len(flag.Envs) > 0 {
			setting.Variable = flag.Envs[0]
		}
		if flag.IsBool() && setting.Default == "" {
			setting.Default = "false"
		}
		all = append(all, setting)
	}
	return all
})

// CheckEnvironment refuses variables, given as name=value, that look like
// settings and are none. Those that Kubernetes sets by itself in every pod next
// to a Service whose name begins with "stockhold" are left alone.
func CheckEnvironment(environ []string) error {
	var unknown []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, Prefix) || isSetting(name) || isServiceLink(name, value) {
			continue
		}
		if similar := nearest(name, func(s Setting) string { return s.Variable }); similar != "" {
			name += " (did you mean " + similar + "?)"
		}
		unknown = append(unknown, name)
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("no such setting: %s", strings.Join(unknown, ", "))
}

func isSetting(name string) bool {
	return slices.ContainsFunc(settings(), func(s Setting) bool { return s.Variable == name })
}

// The variables of a Kubernetes service link: for a Service stockhold,
// STOCKHOLD_SERVICE_HOST=10.0.0.1, STOCKHOLD_SERVICE_PORT_HTTP=8080,
// STOCKHOLD_PORT=tcp://10.0.0.1:8080, STOCKHOLD_PORT_8080_TCP_ADDR=10.0.0.1.
var (
	serviceName = regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$`)
	portName    = regexp.MustCompile(`_PORT(_[0-9]+_(TCP|UDP|SCTP))?$`)
	portPart    = regexp.MustCompile(`_PORT_[0-9]+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)$`)
	portValue   = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

// The value decides where a person might have meant the name: STOCKHOLD_PORT=80
// is a mistake, STOCKHOLD_PORT=tcp://10.0.0.1:80 is Kubernetes speaking.
func isServiceLink(name, value string) bool {
	return serviceName.MatchString(name) || portPart.MatchString(name) ||
		portName.MatchString(name) && portValue.MatchString(value)
}

// nearest finds the setting that a mistyped name was most likely meant to be, among
// the names that are compared: one within three letters of it.
func nearest(name string, compared func(Setting) string) string {
	best, distance := "", 4
	for _, s := range settings() {
		if d := edits(name, compared(s)); d < distance {
			best, distance = compared(s), d
		}
	}
	return best
}

// edits is the Levenshtein distance: letters to insert, drop or replace.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
