package config

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"
)

// Bytes is a size that people write with a unit: 512KiB, 1MiB, 1000000.
type Bytes int64

// UnmarshalText reads a size; a number without a unit is in bytes.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf("want a size such as 512KiB or 1MiB, got %q", text)
	}
	*b = Bytes(n)
	return nil
}

// String writes the size with the unit that suits it, rounded.
func (b Bytes) String() string { return humanize.IBytes(uint64(max(b, 0))) }

// MarshalText writes the size so that UnmarshalText reads the same one.
func (b Bytes) MarshalText() ([]byte, error) {
	switch {
	case b != 0 && b%(1<<20) == 0:
		return fmt.Appendf(nil, "%dMiB", b>>20), nil
	case b != 0 && b%(1<<10) == 0:
		return fmt.Appendf(nil, "%dKiB", b>>10), nil
	}
	return fmt.Appendf(nil, "%d", int64(b)), nil
}
