package sweeper

import (
	"testing"

	"stockhold/internal/leaktest"
)

// Whatever the tests started must have ended with them.
func TestMain(m *testing.M) { leaktest.Main(m) }
