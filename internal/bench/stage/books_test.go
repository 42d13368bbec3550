package stage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/bench/load"
)

func TestCompareRowsWithAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		count    Count
		answered load.Tally
		wrong    string // "" if they agree
	}{
		"as answered":                     {Count{Held: 7, Taken: 3}, load.Tally{Accepted: 10, Confirmed: 3, Refused: 50, Replayed: 4}, ""},
		"a row is missing":                {Count{Held: 9}, load.Tally{Accepted: 10}, "1 are missing"},
		"a row is missing, a call failed": {Count{Held: 9}, load.Tally{Accepted: 10, Failed: 5}, "1 are missing"},
		"a row nobody heard of":           {Count{Held: 11}, load.Tally{Accepted: 10}, "1 too many"},
		"what failed may have happened":   {Count{Held: 12}, load.Tally{Accepted: 10, Failed: 2}, ""},
		"more than failed":                {Count{Held: 13}, load.Tally{Accepted: 10, Failed: 2}, "1 too many"},
		"a Confirm was lost":              {Count{Held: 8, Taken: 2}, load.Tally{Accepted: 10, Confirmed: 3}, "2 rows are CONFIRMED"},
		"an unknown Confirm happened":     {Count{Held: 6, Taken: 4}, load.Tally{Accepted: 10, Confirmed: 3, Failed: 1}, ""},
		"another state":                   {Count{Held: 9, Other: 1}, load.Tally{Accepted: 10}, "neither RESERVED nor CONFIRMED"},
	} {
		t.Run(name, func(t *testing.T) {
			err := compare(tt.count, tt.answered)
			if tt.wrong == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.wrong)
			}
		})
	}
}

// The two tables are filled one after the other from what must be the same rows.
func TestThePastIsTheSameEveryTime(t *testing.T) {
	past := Trade(2000, 7)
	var first []pastRow
	require.NoError(t, past.each(50, func(row *pastRow) error { first = append(first, *row); return nil }))
	i := 0
	require.NoError(t, past.each(50, func(row *pastRow) error {
		require.Equal(t, first[i], *row)
		if i > 0 {
			require.Greater(t, row.key, first[i-1].key)
		}
		require.LessOrEqual(t, row.key, past.lastKey)
		i++
		return nil
	}))
	require.Len(t, first, 2000)
}
