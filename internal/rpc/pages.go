package rpc

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
)

// A page token says where the page before ended. To callers it is opaque; inside
// it is base64url of
//
//	version (1 byte), filter (8 bytes of a hash), place (the rest)
//
// so that a token of another listing or filter is refused, not misread. It holds
// no secret and grants nothing: whoever makes one up reads their own listing from
// another place.
const (
	tokenVersion = 1
	tokenHead    = 1 + 8
)

var tokenText = base64.RawURLEncoding.Strict()

// pages makes and reads the tokens of one listing under one filter.
type pages struct{ filter [8]byte }

func reservationPages(f reservation.Filter) pages {
	var canonical filterBytes
	canonical.text("reservations", f.Owner, f.SKU, f.Location)
	canonical.time(f.CreatedAfter)
	canonical.time(f.CreatedBefore)
	canonical.bool(f.Parked)
	for _, state := range f.States {
		canonical = append(canonical, byte(state))
	}
	return canonical.pages()
}

func stockPages(sku, location string) pages {
	var canonical filterBytes
	canonical.text("stock", sku, location)
	return canonical.pages()
}

// filterBytes writes a filter so that no two filters are written alike.
type filterBytes []byte

func (b *filterBytes) text(values ...string) {
	for _, value := range values {
		*b = append(binary.AppendUvarint(*b, uint64(len(value))), value...)
	}
}

func (b *filterBytes) time(t time.Time) {
	*b = binary.BigEndian.AppendUint64(*b, uint64(t.Unix()))
	*b = binary.BigEndian.AppendUint32(*b, uint32(t.Nanosecond()))
}

func (b *filterBytes) bool(value bool) {
	bit := byte(0)
	if value {
		bit = 1
	}
	*b = append(*b, bit)
}

func (b filterBytes) pages() pages {
	sum := sha256.Sum256(b)
	return pages{[8]byte(sum[:8])}
}

// afterKey is the token of the page after a reservation's key.
func (p pages) afterKey(key int64) string {
	return p.token(binary.BigEndian.AppendUint64(nil, uint64(key)))
}

// keyAfter reads it; no token is the beginning.
func (p pages) keyAfter(token string) (int64, error) {
	place, err := p.place(token)
	if err != nil || place == nil {
		return 0, err
	}
	if len(place) != 8 {
		return 0, badToken("is damaged")
	}
	key := int64(binary.BigEndian.Uint64(place))
	if key <= 0 {
		return 0, badToken("is damaged")
	}
	return key, nil
}

// afterRow is the token of the page after a stock row: the length of its location
// in one byte, the location, the sku.
func (p pages) afterRow(key inventory.Key) string {
	place := append([]byte{byte(len(key.Location))}, key.Location...)
	return p.token(append(place, key.SKU...))
}

// rowAfter reads it; no token is the beginning.
func (p pages) rowAfter(token string) (inventory.Key, error) {
	place, err := p.place(token)
	if err != nil || place == nil {
		return inventory.Key{}, err
	}
	if len(place) < 1 || len(place) < 1+int(place[0]) {
		return inventory.Key{}, badToken("is damaged")
	}
	for _, b := range place[1:] {
		if b <= ' ' || b > '~' { // no row has such a key, and not every store can compare it
			return inventory.Key{}, badToken("is damaged")
		}
	}
	size := int(place[0])
	return inventory.Key{Location: string(place[1 : 1+size]), SKU: string(place[1+size:])}, nil
}

func (p pages) token(place []byte) string {
	raw := append([]byte{tokenVersion}, p.filter[:]...)
	return tokenText.EncodeToString(append(raw, place...))
}

// place opens a token; it is nil for none.
func (p pages) place(token string) ([]byte, error) {
	if token == "" {
		return nil, nil
	}
	raw, err := tokenText.DecodeString(token)
	if err != nil || len(raw) < tokenHead {
		return nil, badToken("is not one of ours")
	}
	if raw[0] != tokenVersion {
		return nil, badToken("is of version %d, this is version %d: begin again without it", raw[0], tokenVersion)
	}
	if [8]byte(raw[1:tokenHead]) != p.filter {
		return nil, badToken("belongs to a listing with another filter")
	}
	return raw[tokenHead:], nil
}

func badToken(format string, args ...any) error {
	return malformed([]reservation.Violation{{Field: "page_token", Description: fmt.Sprintf(format, args...)}})
}
