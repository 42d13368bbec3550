package config

import (
	"errors"
	"fmt"
	"strings"
)

// Fault is what is wrong with one setting.
type Fault struct {
	Flag  string // of the setting, without the dashes
	Place string // file:line, where the value came from a file
	Err   error  // what is wrong, in words that follow the setting's name; quotes no secret
}

func (f *Fault) Error() string {
	text := named(f.Flag) + " " + f.Err.Error()
	if f.Place != "" {
		text = f.Place + ": " + text
	}
	return text
}

func (f *Fault) Unwrap() error { return f.Err }

// placed adds to each fault where its value stands, if that is in a file.
func placed(err error, origins map[string]Origin) error {
	switch e := err.(type) {
	case *Fault:
		if origin := origins[e.Flag]; e.Place == "" && origin.Source == FromFile {
			return &Fault{Flag: e.Flag, Place: origin.Place, Err: e.Err}
		}
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, placed(one, origins))
		}
		return errors.Join(all...)
	}
	return err
}

// named is how messages speak of a setting: by its flag and its variable.
func named(flag string) string { return fmt.Sprintf("--%s (%s)", flag, variable(flag)) }

func variable(flag string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
