package load

import (
	"testing"

	"stockhold/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
