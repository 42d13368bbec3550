package testservers_test

import (
	"fmt"
	"os"
	"testing"

	"stockhold/internal/testservers"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	testservers.Main(m)
}
