package store

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"stockhold/reservation"
)

// Only what is blamed on the data is worth halving a batch for. Everything that
// concerns the server fails at once.
func TestWhatAnErrorOfMySQLMeans(t *testing.T) {
	data := errors.New("blamed on the data")
	says := func(number uint16, state string) error {
		e := &mysql.MySQLError{Number: number, Message: "what it says"}
		copy(e.SQLState[:], state)
		return e
	}
	for name, tt := range map[string]struct{ err, want error }{
		"duplicate key":                   {says(1062, "23000"), reservation.ErrConflict},
		"deadlock":                        {says(1213, "40001"), reservation.ErrConflict},
		"row changed since the snapshot":  {says(1020, "HY000"), reservation.ErrConflict},
		"lock wait":                       {says(1205, "HY000"), reservation.ErrLockWait},
		"data too long":                   {says(1406, "22001"), data},
		"out of range":                    {says(1264, "22003"), data},
		"column cannot be null":           {says(1048, "23000"), data},
		"too many connections":            {says(1040, "08004"), reservation.ErrAway},
		"too many connections of a user":  {says(1203, "42000"), reservation.ErrAway},
		"read-only":                       {says(1290, "HY000"), reservation.ErrAway},
		"read-only mode":                  {says(1836, "HY000"), reservation.ErrAway},
		"shutdown":                        {says(1053, "08S01"), reservation.ErrAway},
		"the disk is full":                {says(1021, "HY000"), reservation.ErrAway},
		"access denied":                   {says(1045, "28000"), reservation.ErrAway},
		"no such table":                   {says(1146, "42S02"), reservation.ErrAway},
		"killed":                          {says(1317, "70100"), reservation.ErrAway},
		"the connection broke":            {io.ErrUnexpectedEOF, reservation.ErrAway},
		"the driver gave up a connection": {mysql.ErrInvalidConn, reservation.ErrAway},
		"the time is over":                {context.DeadlineExceeded, reservation.ErrAway},
	} {
		t.Run(name, func(t *testing.T) {
			got := classifyMySQL(tt.err)
			require.ErrorIs(t, got, tt.err)
			for _, sentinel := range []error{reservation.ErrConflict, reservation.ErrLockWait, reservation.ErrAway} {
				require.Equal(t, tt.want == sentinel, errors.Is(got, sentinel), "%v", sentinel)
			}
		})
	}
	require.NoError(t, classifyMySQL(nil))
}
