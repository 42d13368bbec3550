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
//	{stockhold} pending                sorted set: hold name -> frozen at, ms
//	{stockhold} holds                  hash: hold name -> its lines, packed
//	{stockhold} row <location> <sku>   hash: q, v, p
//
// The name of a hold is "<owner> <id>". Its lines are packed as one text, in which
// each line is its row key, a newline, its units and a newline; no part of a key
// contains a newline.
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

// holds is the hash of the lines of pending holds.
func (k keys) holds() string { return k.start + "holds" }

// row is the hash of one stock row.
func (k keys) row(key Key) string { return k.rowStart() + key.Location + " " + key.SKU }

// anyRow and anyKey are SCAN patterns.
func (k keys) anyRow() string { return k.rowStart() + "*" }
func (k keys) anyKey() string { return k.start + "*" }

func (k keys) rowStart() string { return k.start + "row " }

// parseRow is the inverse of row.
func (k keys) parseRow(name string) (Key, error) {
	rest, ok := strings.CutPrefix(name, k.rowStart())
	location, sku, two := cutTwo(rest)
	if !ok || !two {
		return Key{}, fmt.Errorf("gate key %q is not a stock row's: want %q, location, space, sku", name, k.rowStart())
	}
	return Key{Location: location, SKU: sku}, nil
}

// holdName names a pending hold in the sorted set and in the hash of lines.
func holdName(id HoldID) string { return id.Owner + " " + id.ID }

// parseHold is the inverse of holdName.
func parseHold(name string) (HoldID, error) {
	owner, id, ok := cutTwo(name)
	if !ok {
		return HoldID{}, fmt.Errorf("pending entry %q is not a hold's: want owner, space, id", name)
	}
	return HoldID{Owner: owner, ID: id}, nil
}

func cutTwo(name string) (first, second string, ok bool) {
	first, second, ok = strings.Cut(name, " ")
	return first, second, ok && first != "" && second != "" && !strings.Contains(second, " ")
}
