package inventory

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeFreeze(t *testing.T) {
	for _, c := range []struct {
		reply any
		lines int
		want  Freeze
		err   string
	}{
		{int64(0), 2, Freeze{Outcome: Frozen}, ""},
		{int64(1), 2, Freeze{Outcome: Duplicate}, ""},
		{[]any{int64(2), int64(1)}, 2, Freeze{Outcome: NotLoaded, Lines: []int{0}}, ""},
		{[]any{int64(3), int64(1), int64(2)}, 2, Freeze{Outcome: Insufficient, Lines: []int{0, 1}}, ""},
		{"WRONGTYPE Operation against a key", 2, Freeze{}, "WRONGTYPE Operation against a key"},
		{nil, 2, Freeze{}, "freeze replied <nil>, want 0, 1, or a list"},
		{"", 2, Freeze{}, `freeze replied "", want 0, 1, or a list`},
		{int64(2), 2, Freeze{}, "freeze replied 2, want 0, 1, or a list"},
		{int64(-1), 2, Freeze{}, "freeze replied -1, want"},
		{true, 2, Freeze{}, "freeze replied true, want"},
		{[]any{}, 2, Freeze{}, "want 2 or 3 and lines"},
		{[]any{"2", int64(1)}, 2, Freeze{}, "want 2 or 3 and lines"},
		{[]any{int64(4), int64(1)}, 2, Freeze{}, "want 2 or 3 and lines"},
		{[]any{int64(0), int64(1)}, 2, Freeze{}, "want 2 or 3 and lines"},
		{[]any{int64(0)}, 2, Freeze{}, "want 2 or 3 and lines"},
		{[]any{int64(2)}, 2, Freeze{}, "want 2 or 3 and lines"},
		{[]any{int64(3), int64(0)}, 2, Freeze{}, "line 0 after line 0, of 2 lines"},
		{[]any{int64(3), int64(3)}, 2, Freeze{}, "line 3 after line 0, of 2 lines"},
		{[]any{int64(3), int64(2), int64(1)}, 2, Freeze{}, "line 1 after line 2"},
		{[]any{int64(3), int64(1), int64(1)}, 2, Freeze{}, "line 1 after line 1"},
		{[]any{int64(3), "1"}, 2, Freeze{}, `line "1" after line 0`},
	} {
		got, err := decodeFreeze(c.reply, c.lines)
		require.Equal(t, c.want, got)
		if c.err == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.err)
		}
	}
}

func TestDecodeFreezes(t *testing.T) {
	entries, err := decodeFreezes([]any{int64(0), nil}, 2)
	require.NoError(t, err)
	require.Equal(t, []any{int64(0), nil}, entries)
	for _, reply := range []any{nil, "OK", int64(0), []any{}, []any{int64(0)}, []any{int64(0), int64(0), int64(0)}} {
		_, err := decodeFreezes(reply, 2)
		require.ErrorContains(t, err, "want a list of 2", reply)
	}
}

func TestDecodeHold(t *testing.T) {
	k, err := newKeys("p")
	require.NoError(t, err)
	for _, c := range []struct {
		packed any
		want   []Line
		err    string
	}{
		{nil, nil, ""},
		{"", nil, ""},
		{"{p} row here apple\n3\n", []Line{line("apple", 3)}, ""},
		{"{p} row here pear\n3\n{p} row here apple\n1000000000000\n", []Line{line("apple", 1e12), line("pear", 3)}, ""},
		{int64(3), nil, "hold orders/1: lines are 3, want a text"},
		{"{p} row here apple\n3", nil, "end in the middle of"},
		{"{p} row here apple", nil, "end in the middle of"},
		{"{p} row here apple\n3\n\n", nil, "end in the middle of"},
		{"{p} row here apple\n3\n{p} row here pear\n", nil, "end in the middle of"},
		{"\n\n", nil, "is not a stock row's"},
		{"{q} row here apple\n3\n", nil, "is not a stock row's"},
		{"{p} row here apple\nmany\n", nil, "units of here/apple"},
	} {
		got, err := decodeHold(k, id("1"), c.packed)
		require.Equal(t, Hold{HoldID: id("1"), Lines: c.want}, got)
		if c.err == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.err)
		}
	}
}

func TestDecodeSettleAndDrop(t *testing.T) {
	done, err := decodeSettle(int64(2), 3)
	require.NoError(t, err)
	require.Equal(t, 2, done)
	done, err = decodeSettle(int64(0), 0)
	require.NoError(t, err)
	require.Zero(t, done)
	for _, reply := range []any{nil, "3", int64(-1), int64(4), int64(0), 3.0, []any{int64(3)}} {
		_, err := decodeSettle(reply, 3)
		require.ErrorContains(t, err, "of 3 holds are done", "one that does nothing would be asked for ever: %v", reply)
	}
	dropped, err := decodeDrop(int64(0), 3)
	require.NoError(t, err)
	require.Zero(t, dropped)
	for _, reply := range []any{nil, "3", int64(-1), int64(4), true} {
		_, err := decodeDrop(reply, 3)
		require.ErrorContains(t, err, "of 3 rows are gone")
	}
	_, err = decodeRow(key("apple"), []any{"1", "2"})
	require.EqualError(t, err, "gate row here/apple has 2 fields, want q, v and p")
}

func TestDecodeReclaim(t *testing.T) {
	counted, err := decodeReclaim([]any{"17", "0", "5"}, 2)
	require.NoError(t, err)
	require.Equal(t, tally{upTo: "17", units: []int64{0, 5}}, counted)
	for _, reply := range []any{
		nil, "17", []any{}, []any{"17", "0"}, []any{"17", "0", "5", "5"}, []any{int64(17), "0", "5"},
		[]any{"", "0", "-1"}, []any{"", "0", int64(5)}, []any{"", "0", "many"}, []any{"", nil, "5"},
	} {
		_, err := decodeReclaim(reply, 2)
		require.ErrorContains(t, err, "reclaim replied ", reply)
	}
}

func TestLongRepliesAreCutInErrors(t *testing.T) {
	_, err := decodeDrop(string(make([]byte, 1<<20)), 1)
	require.Less(t, len(err.Error()), 200)
}

// anyValue builds what a RESP reply may hold out of arbitrary bytes.
func anyValue(data []byte, depth int) (any, []byte) {
	if len(data) == 0 {
		return nil, nil
	}
	kind, data := data[0], data[1:]
	switch kind % 8 {
	case 0, 1, 2:
		if len(data) == 0 {
			return int64(kind), nil
		}
		return int64(int8(data[0])), data[1:]
	case 3:
		var raw [8]byte
		n := copy(raw[:], data)
		return int64(binary.LittleEndian.Uint64(raw[:])), data[n:]
	case 4:
		n := min(len(data), int(kind>>3))
		return string(data[:n]), data[n:]
	case 5:
		return kind > 127, data
	case 6:
		return nil, data
	}
	list := []any{}
	for range kind >> 3 {
		if depth == 0 || len(data) == 0 {
			break
		}
		var item any
		item, data = anyValue(data, depth-1)
		list = append(list, item)
	}
	return list, data
}

func FuzzDecodeReplies(f *testing.F) {
	f.Add([]byte{7 | 3<<3, 0, 2, 0, 1, 0, 2}, 2)
	f.Add([]byte{7 | 2<<3, 7 | 2<<3, 0, 3, 0, 1, 0, 0}, 2)
	f.Add([]byte{7 | 1<<3, 0, 0}, 1)
	f.Add([]byte{0, 2}, 3)
	f.Add([]byte{4 | 2<<3, 'O', 'K'}, 0)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		size &= 0xffff
		value, _ := anyValue(data, 3)
		if entries, err := decodeFreezes(value, size); err == nil {
			require.Len(t, entries, size)
		}
		if frozen, err := decodeFreeze(value, size); err == nil {
			require.Less(t, frozen.Outcome, Away)
			require.Equal(t, frozen.Outcome == NotLoaded || frozen.Outcome == Insufficient, len(frozen.Lines) > 0)
			for i, line := range frozen.Lines {
				require.True(t, line >= 0 && line < size && (i == 0 || line > frozen.Lines[i-1]))
			}
		}
		if done, err := decodeSettle(value, size); err == nil {
			require.True(t, done <= size && (done > 0 || size == 0))
		}
		if dropped, err := decodeDrop(value, size); err == nil {
			require.True(t, 0 <= dropped && dropped <= size)
		}
		if counted, err := decodeReclaim(value, size); err == nil {
			require.Len(t, counted.units, size)
			for _, units := range counted.units {
				require.GreaterOrEqual(t, units, int64(0))
			}
		}
		if list, ok := value.([]any); ok {
			row, err := decodeRow(key("apple"), list)
			require.Equal(t, len(list) == 3, err == nil)
			require.Equal(t, key("apple"), row.Key)
		}
	})
}

func FuzzDecodeHold(f *testing.F) {
	f.Add("{p} row here apple\n3\n")
	f.Add("{p} row here pear\n3\n{p} row here apple\n1\n{p} row here pear\n4\n")
	f.Add("{p} row here\n3\n")
	f.Add("{p} row here apple\n-1e3\n")
	f.Add("{p} row here apple\n3")
	f.Fuzz(func(t *testing.T, packed string) {
		k, err := newKeys("p")
		require.NoError(t, err)
		held, err := decodeHold(k, id("1"), packed)
		require.Equal(t, id("1"), held.HoldID)
		if err != nil {
			require.Empty(t, held.Lines)
			return
		}
		again := "" // packed once more, in key order and merged
		for _, l := range held.Lines {
			require.Contains(t, packed, k.row(l.Key)+"\n")
			again += fmt.Sprintf("%s\n%d\n", k.row(l.Key), l.Quantity)
		}
		same, err := decodeHold(k, id("1"), again)
		require.NoError(t, err)
		require.Equal(t, held, same)
	})
}

// Every name of a key is read back as what it was made of, and no other name is.
func FuzzKeys(f *testing.F) {
	f.Add("stockhold", "here", "apple", "{stockhold} row here apple")
	f.Add("a.b_c:d-e", "x", "*[]?", "x y")
	f.Add("s", "a b", "c", "{s} pending")
	f.Fuzz(func(t *testing.T, prefix, first, second, name string) {
		k, err := newKeys(prefix)
		if err != nil {
			return
		}
		if got, err := k.parseRow(name); err == nil {
			require.Equal(t, name, k.row(got))
		}
		if got, err := parseHold(name); err == nil {
			require.Equal(t, name, holdName(got))
		}
		row, err := k.parseRow(k.row(Key{first, second}))
		if err == nil {
			require.Equal(t, Key{first, second}, row)
		}
		held, err := parseHold(holdName(HoldID{first, second}))
		if err == nil {
			require.Equal(t, HoldID{first, second}, held)
		}
	})
}

func TestKeys(t *testing.T) {
	k, err := newKeys("shop-1")
	require.NoError(t, err)
	require.Equal(t, "{shop-1} pending", k.pending())
	require.Equal(t, "{shop-1} row here apple", k.row(key("apple")))
	require.Equal(t, "{shop-1} holds", k.holds())
	require.Equal(t, "orders 42", holdName(id("42")))
	for _, prefix := range []string{"", "a b", "a{b", "a}b", "a*", "a?", "[a]", `a\`, "ä", string(make([]byte, 65))} {
		_, err := newKeys(prefix)
		require.ErrorContains(t, err, "want 1 to 64 characters of [A-Za-z0-9._:-]", prefix)
	}
	for _, name := range []string{"", "{shop-1} row ", "{shop-1} row here", "{shop-1} row here ", "{shop-1} row  apple",
		"{shop-1} row here a b", "{shop-2} row here apple", "{shop-1} holds"} {
		_, err := k.parseRow(name)
		require.ErrorContains(t, err, "is not a stock row's", name)
	}
	for _, name := range []string{"", "orders", "orders ", " 42", "orders  42", "orders 4 2", "{shop-1} hold orders 42"} {
		_, err := parseHold(name)
		require.ErrorContains(t, err, "is not a hold's", name)
	}
}
