package inventory

import (
	"fmt"
	"regexp"
	"strings"
)

// prefixPattern keeps braces, spaces and the wildcards of SCAN out of the
// prefix, so that it is a whole hash tag and matches only itself.
var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// keys names everything that the gate keeps in Redis. Each key starts with the
// prefix as its hash tag, so all of them live in one slot of a Redis Cluster and
// a script may touch any of them. The parts are joined by a space, which no
// prefix, id, location or sku contains:
//
//	{stockhold} pending                sorted set: hold key -> frozen at, ms
//	{stockhold} row <location> <sku>   hash: q, v, p
//	{stockhold} hold <owner> <id>      hash: row key -> units
type keys struct {
	start string // what all keys start with
}

func newKeys(prefix string) (keys, error) {
	if !prefixPattern.MatchString(prefix) {
		return keys{}, fmt.Errorf("gate prefix %q: want 1 to 64 characters of [A-Za-z0-9._:-]", prefix)
	}
	return keys{start: "{" + prefix + "} "}, nil
}

// pending is the sorted set of holds that are frozen and not yet settled.
func (k keys) pending() string { return k.start + "pending" }

// row is the hash of one stock row.
func (k keys) row(key Key) string { return k.rowStart() + key.Location + " " + key.SKU }

// hold is the hash of one pending hold, and its member in the sorted set.
func (k keys) hold(id HoldID) string { return k.holdStart() + id.Owner + " " + id.ID }

// anyRow and anyKey are SCAN patterns.
func (k keys) anyRow() string { return k.rowStart() + "*" }
func (k keys) anyKey() string { return k.start + "*" }

func (k keys) rowStart() string  { return k.start + "row " }
func (k keys) holdStart() string { return k.start + "hold " }

// parseRow is the inverse of row.
func (k keys) parseRow(name string) (Key, error) {
	location, sku, ok := parseTwo(name, k.rowStart())
	if !ok {
		return Key{}, fmt.Errorf("gate key %q is not a stock row's: want %q, location, space, sku", name, k.rowStart())
	}
	return Key{Location: location, SKU: sku}, nil
}

// parseHold is the inverse of hold.
func (k keys) parseHold(name string) (HoldID, error) {
	owner, id, ok := parseTwo(name, k.holdStart())
	if !ok {
		return HoldID{}, fmt.Errorf("gate key %q is not a hold's: want %q, owner, space, id", name, k.holdStart())
	}
	return HoldID{Owner: owner, ID: id}, nil
}

func parseTwo(name, start string) (first, second string, ok bool) {
	rest, ok := strings.CutPrefix(name, start)
	if !ok {
		return "", "", false
	}
	first, second, ok = strings.Cut(rest, " ")
	return first, second, ok && first != "" && second != "" && !strings.Contains(second, " ")
}
