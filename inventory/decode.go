package inventory

import (
	"fmt"
	"strconv"
	"strings"
)

// What came over the wire is checked before it is believed: a proxy, another
// version of a script or a stranger's key may have answered.

// decodeFreezes reads the reply of freeze.lua for so many holds: an entry for each.
func decodeFreezes(value any, holds int) ([]any, error) {
	entries, ok := value.([]any)
	if !ok || len(entries) != holds {
		return nil, fmt.Errorf("freeze replied %s, want a list of %d", show(value), holds)
	}
	return entries, nil
}

// decodeFreeze reads the entry of a hold of so many lines: a number if it is
// pending, a list if lines were in the way, a text if a row cannot be read.
func decodeFreeze(entry any, lines int) (Freeze, error) {
	switch entry := entry.(type) {
	case int64:
		if entry == int64(Frozen) || entry == int64(Duplicate) {
			return Freeze{Outcome: Outcome(entry)}, nil
		}
	case []any:
		return decodeStopped(entry, lines)
	case string:
		if entry != "" {
			return Freeze{}, fmt.Errorf("%.100s", entry)
		}
	}
	return Freeze{}, fmt.Errorf("freeze replied %s, want %d, %d, or a list of an outcome and lines",
		show(entry), Frozen, Duplicate)
}

func decodeStopped(list []any, lines int) (Freeze, error) {
	if len(list) < 2 || list[0] != int64(NotLoaded) && list[0] != int64(Insufficient) {
		return Freeze{}, fmt.Errorf("freeze replied %s, want %d or %d and lines", show(list), NotLoaded, Insufficient)
	}
	result := Freeze{Outcome: Outcome(list[0].(int64)), Lines: make([]int, 0, len(list)-1)}
	last := int64(0)
	for _, item := range list[1:] {
		position, ok := item.(int64)
		if !ok || position <= last || position > int64(lines) {
			return Freeze{}, fmt.Errorf("freeze replied line %s after line %d, of %d lines", show(item), last, lines)
		}
		result.Lines = append(result.Lines, int(position-1))
		last = position
	}
	return result, nil
}

// decodeSettle reads the reply of settle.lua: how many of the holds it dealt with.
func decodeSettle(value any, holds int) (int, error) {
	done, ok := value.(int64)
	if !ok || done < 0 || done > int64(holds) || (done == 0 && holds > 0) {
		return 0, fmt.Errorf("settle replied %s, want how many of %d holds are done", show(value), holds)
	}
	return int(done), nil
}

// decodeDrop reads the reply of drop.lua: how many of the rows are gone.
func decodeDrop(value any, rows int) (int, error) {
	dropped, ok := value.(int64)
	if !ok || dropped < 0 || dropped > int64(rows) {
		return 0, fmt.Errorf("drop replied %s, want how many of %d rows are gone", show(value), rows)
	}
	return int(dropped), nil
}

// decodeReclaim reads the reply of reclaim.lua: how far the holds are counted, and
// units for each row.
func decodeReclaim(value any, rows int) (tally, error) {
	list, ok := value.([]any)
	if !ok || len(list) != rows+1 {
		return tally{}, fmt.Errorf("reclaim replied %s, want a score and units of %d rows", show(value), rows)
	}
	upTo, ok := list[0].(string)
	if !ok {
		return tally{}, fmt.Errorf("reclaim replied %s where a score belongs", show(list[0]))
	}
	counted := tally{upTo: upTo, units: make([]int64, rows)}
	for i, item := range list[1:] {
		text, _ := item.(string)
		units, err := strconv.ParseInt(text, 10, 64)
		if err != nil || units < 0 {
			return tally{}, fmt.Errorf("reclaim replied %s where units of a row belong", show(item))
		}
		counted.units[i] = units
	}
	return counted, nil
}

// decodeRow reads HMGET q v p. A row that lacks one of them, or has something
// else than a number there, is not loaded: the scripts see it so, and the next
// settle writes it anew.
func decodeRow(key Key, values []any) (Row, error) {
	row := Row{View: View{Key: key}}
	if len(values) != 3 {
		return row, fmt.Errorf("gate row %s has %d fields, want q, v and p", key, len(values))
	}
	var numbers [3]int64
	for i, value := range values {
		text, ok := value.(string)
		if !ok {
			return row, nil
		}
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return row, nil
		}
		numbers[i] = number
	}
	row.Quota, row.Version, row.Pending, row.Loaded = numbers[0], numbers[1], numbers[2], true
	return row, nil
}

// decodeHold reads the packed lines of a pending hold. None are there if they were
// lost, or if the hold was settled meanwhile.
func decodeHold(k keys, id HoldID, packed any) (Hold, error) {
	if packed == nil {
		return Hold{HoldID: id}, nil
	}
	rest, ok := packed.(string)
	if !ok {
		return Hold{HoldID: id}, fmt.Errorf("hold %s: lines are %s, want a text", id, show(packed))
	}
	hold := Hold{HoldID: id}
	for rest != "" {
		name, tail, _ := strings.Cut(rest, "\n")
		units, tail, whole := strings.Cut(tail, "\n")
		rest = tail
		if !whole {
			return Hold{HoldID: id}, fmt.Errorf("hold %s: the lines end in the middle of %s", id, show(name))
		}
		key, err := k.parseRow(name)
		if err != nil {
			return Hold{HoldID: id}, fmt.Errorf("hold %s: %w", id, err)
		}
		quantity, err := strconv.ParseInt(units, 10, 64)
		if err != nil {
			return Hold{HoldID: id}, fmt.Errorf("hold %s: units of %s: %w", id, key, err)
		}
		hold.Lines = append(hold.Lines, Line{Key: key, Quantity: quantity})
	}
	hold.Lines = MergeLines(hold.Lines)
	return hold, nil
}

// show prints a reply for an error, and not all of a long one.
func show(value any) string {
	const limit = 100
	text := fmt.Sprintf("%#v", value)
	if len(text) > limit {
		text = text[:limit] + "..."
	}
	return text
}
