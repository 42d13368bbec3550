package workload

import (
	"encoding/hex"
	"math/rand/v2"
)

// ids are a caller's: random, as callers' ids are, so that no index gets them in
// order; 24 hexadecimal digits, and repeatable from the seed.
type ids struct{ random *rand.Rand }

func (s *ids) next() string {
	var raw [12]byte
	a, b := s.random.Uint64(), s.random.Uint32()
	for i := range 8 {
		raw[i] = byte(a >> (8 * i))
	}
	for i := range 4 {
		raw[8+i] = byte(b >> (8 * i))
	}
	return hex.EncodeToString(raw[:])
}
