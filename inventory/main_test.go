package inventory

import (
	"testing"

	"stockhold/internal/testservers"
)

func TestMain(m *testing.M) { testservers.Main(m) }
