package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// Deciders say whom to ask about each owner's holds: base URLs by owner.
type Deciders map[string]string

// Decode reads what the parser has: the text of a flag or a variable, or the
// mapping of a file.
func (d *Deciders) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("owner=url")
	if err != nil {
		return err
	}
	if mapping, ok := token.Value.(map[string]string); ok {
		*d = maps.Clone(mapping)
		return nil
	}
	return d.UnmarshalText([]byte(token.String()))
}

// UnmarshalText adds deciders written as owner=url,owner=url. An owner has one
// decider: named twice is a mistake, whichever of them was meant. Its errors
// repeat no address: a password may have been written into one.
func (d *Deciders) UnmarshalText(text []byte) error {
	if *d == nil {
		*d = Deciders{}
	}
	for i, part := range strings.Split(string(text), ",") {
		owner, url, found := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case part == "" && len(text) == 0: // set to nothing: there are none
		case !found:
			return fmt.Errorf("want owner=url with commas between, and number %d has no =", i+1)
		case (*d)[owner] != "":
			return fmt.Errorf("owner %s has two deciders", shown(owner))
		default:
			(*d)[owner] = url
		}
	}
	return nil
}

// shown is how messages speak of an owner: by its name, unless an address was
// written in its place, which may hold a password.
func shown(owner string) string {
	if strings.ContainsAny(owner, "/@") {
		return "(an address)"
	}
	return strconv.Quote(owner)
}

// Owners lists who has a decider, in order.
func (d Deciders) Owners() []string { return slices.Sorted(maps.Keys(d)) }
