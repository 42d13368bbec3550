package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Deciders say whom to ask about each owner's holds: base URLs by owner.
type Deciders map[string]string

// UnmarshalText adds deciders written as owner=url,owner=url. An owner has one
// decider: named twice is a mistake, whichever of them was meant.
func (d *Deciders) UnmarshalText(text []byte) error {
	if *d == nil {
		*d = Deciders{}
	}
	for _, part := range strings.Split(string(text), ",") {
		owner, url, found := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case part == "" && len(text) == 0: // set to nothing: there are none
		case !found:
			return fmt.Errorf("want owner=url with commas between, got %q", part)
		case (*d)[owner] != "":
			return fmt.Errorf("owner %q has two deciders, %s and %s", owner, (*d)[owner], url)
		default:
			(*d)[owner] = url
		}
	}
	return nil
}

// Owners lists who has a decider, in order.
func (d Deciders) Owners() []string { return slices.Sorted(maps.Keys(d)) }
