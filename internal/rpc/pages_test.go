package rpc

import (
	"encoding/base64"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
	"stockhold/reservation"
)

func TestPageTokensComeBack(t *testing.T) {
	p := reservationPages(reservation.Filter{Owner: "orders"})
	for _, key := range []int64{1, 42, 1 << 40, math.MaxInt64} {
		got, err := p.keyAfter(p.afterKey(key))
		require.NoError(t, err)
		require.Equal(t, key, got)
	}
	s := stockPages("", "berlin")
	for _, row := range []inventory.Key{{Location: "berlin", SKU: "mug"}, {Location: "a", SKU: "~/!"}} {
		got, err := s.rowAfter(s.afterRow(row))
		require.NoError(t, err)
		require.Equal(t, row, got)
	}
	none, err := p.keyAfter("")
	require.NoError(t, err)
	require.Zero(t, none)
	begin, err := s.rowAfter("")
	require.NoError(t, err)
	require.Zero(t, begin)
}

// Every filter has tokens of its own: two that differ anywhere share none.
func TestPageTokensBelongToOneFilter(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	all := map[string]pages{
		"owner a":            reservationPages(reservation.Filter{Owner: "a"}),
		"owner ab":           reservationPages(reservation.Filter{Owner: "ab"}),
		"a sku":              reservationPages(reservation.Filter{Owner: "a", SKU: "b"}),
		"a location":         reservationPages(reservation.Filter{Owner: "a", Location: "b"}),
		"a sku and location": reservationPages(reservation.Filter{Owner: "a", SKU: "b", Location: "b"}),
		"after":              reservationPages(reservation.Filter{Owner: "a", CreatedAfter: at}),
		"before":             reservationPages(reservation.Filter{Owner: "a", CreatedBefore: at}),
		"a moment later":     reservationPages(reservation.Filter{Owner: "a", CreatedAfter: at.Add(1)}),
		"parked":             reservationPages(reservation.Filter{Owner: "a", Parked: true}),
		"a state":            reservationPages(reservation.Filter{Owner: "a", States: []reservation.State{reservation.Reserved}}),
		"another state":      reservationPages(reservation.Filter{Owner: "a", States: []reservation.State{reservation.Expired}}),
		"both states":        reservationPages(reservation.Filter{Owner: "a", States: []reservation.State{reservation.Reserved, reservation.Expired}}),
		"stock":              stockPages("", ""),
		"stock of a sku":     stockPages("a", ""),
		"stock at a place":   stockPages("", "a"),
	}
	seen := map[pages]string{}
	for name, p := range all {
		require.Empty(t, seen[p], "%s and %s", name, seen[p])
		seen[p] = name
		for other, q := range all {
			_, err := q.keyAfter(p.afterKey(7))
			require.Equal(t, name == other, err == nil, "%s for %s", name, other)
		}
	}
}

func TestPageTokensThatAreNone(t *testing.T) {
	p := stockPages("", "")
	good, err := tokenText.DecodeString(p.afterRow(inventory.Key{Location: "berlin", SKU: "mug"}))
	require.NoError(t, err)
	changed := func(change func(raw []byte) []byte) string {
		return tokenText.EncodeToString(change(append([]byte(nil), good...)))
	}
	for name, token := range map[string]string{
		"garbage":            "not a token!",
		"short":              "AQ",
		"another version":    changed(func(raw []byte) []byte { raw[0]++; return raw }),
		"another filter":     changed(func(raw []byte) []byte { raw[3]++; return raw }),
		"no place":           changed(func(raw []byte) []byte { return raw[:tokenHead] }),
		"cut in the place":   changed(func(raw []byte) []byte { return raw[:tokenHead+3] }),
		"a place of no row":  changed(func(raw []byte) []byte { raw[tokenHead+2] = 0xff; return raw }),
		"padded":             p.afterRow(inventory.Key{Location: "berlin", SKU: "mug"}) + "=",
		"in standard base64": base64.StdEncoding.EncodeToString(append(good, 0xfb, 0xff)),
	} {
		_, err := p.rowAfter(token)
		requireBadToken(t, err, name)
	}
	keys := reservationPages(reservation.Filter{})
	for name, place := range map[string][]byte{"short": {1, 2}, "zero": make([]byte, 8), "negative": {0xff, 0, 0, 0, 0, 0, 0, 0}, "long": make([]byte, 9)} {
		_, err := keys.keyAfter(keys.token(place))
		requireBadToken(t, err, name)
	}
}

func requireBadToken(t testing.TB, err error, name string) {
	t.Helper()
	var refusal *reservation.Refusal
	require.True(t, errors.As(err, &refusal), "%s: %v", name, err)
	require.Equal(t, reservation.Invalid, refusal.Reason)
	require.Len(t, refusal.Violations, 1)
	require.Equal(t, "page_token", refusal.Violations[0].Field)
}

// Whatever is sent as a token is either one of ours, and then it is the very one
// that its place has, or it is refused.
func FuzzPageTokens(f *testing.F) {
	keys, rows := reservationPages(reservation.Filter{Owner: "orders"}), stockPages("", "berlin")
	f.Add(keys.afterKey(42))
	f.Add(rows.afterRow(inventory.Key{Location: "berlin", SKU: "mug"}))
	f.Add(keys.token(nil))
	f.Add("AQ==\n")
	f.Fuzz(func(t *testing.T, token string) {
		if key, err := keys.keyAfter(token); err != nil {
			requireBadToken(t, err, token)
		} else if token != "" {
			requireSame(t, keys.afterKey(key), token)
		}
		if row, err := rows.rowAfter(token); err != nil {
			requireBadToken(t, err, token)
		} else if token != "" {
			requireSame(t, rows.afterRow(row), token)
		}
	})
}

// requireSame compares what two tokens hold: base64 passes over line breaks.
func requireSame(t *testing.T, ours, theirs string) {
	t.Helper()
	want, err := tokenText.DecodeString(ours)
	require.NoError(t, err)
	got, err := tokenText.DecodeString(theirs)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
