package main_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// No file can end a program that users have: crash points are in test builds only,
// with the name of the variable that arms them.
func TestNoCrashPointsAreShipped(t *testing.T) {
	program, err := os.ReadFile(plain)
	require.NoError(t, err)
	require.True(t, bytes.Contains(program, []byte("STOCKHOLD_MYSQL_DSN")), "such names can be found")
	require.False(t, bytes.Contains(program, []byte("CRASHPOINT_FILE")))
}
