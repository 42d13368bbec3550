package inventory

import (
	"fmt"
	"strconv"
)

// What came over the wire is checked before it is believed: a proxy, another
// version of a script or a stranger's key may have answered.

// decodeFreeze reads the reply of freeze.lua for a hold of so many lines.
func decodeFreeze(value any, lines int) (Freeze, error) {
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		return Freeze{}, fmt.Errorf("freeze replied %s, want a list that starts with an outcome", show(value))
	}
	code, ok := list[0].(int64)
	if !ok || code < 0 || code > int64(Insufficient) {
		return Freeze{}, fmt.Errorf("freeze replied outcome %s, want 0 to %d", show(list[0]), Insufficient)
	}
	result := Freeze{Outcome: Outcome(code)}
	named := result.Outcome == NotLoaded || result.Outcome == Insufficient
	if named != (len(list) > 1) {
		return Freeze{}, fmt.Errorf("freeze replied %s with %d lines", result.Outcome, len(list)-1)
	}
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

// decodeHold reads the hash of a pending hold, in no particular order of lines.
func decodeHold(k keys, id HoldID, fields map[string]string) (Hold, error) {
	hold := Hold{HoldID: id}
	for name, units := range fields {
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
