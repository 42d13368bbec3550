package audit

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each way in which a ledger can contradict itself, made by hand, is found with
// the figures, and nothing else is.
func TestContradictions(t *testing.T) {
	at := func(location, sku, expected, got string) Difference {
		return Difference{Location: location, SKU: sku, Expected: expected, Found: got}
	}
	of := func(t *testing.T, w *world, id, expected, got string) Difference {
		return Difference{Owner: "default", ReservationID: id, ReservationKey: w.rkey(t, id), Expected: expected, Found: got}
	}
	cases := []struct {
		name    string
		corrupt func(t *testing.T, w *world) []found
	}{
		{"reserved is too high", func(t *testing.T, w *world) []found {
			w.exec(t, "UPDATE stocks SET reserved = reserved + 4 WHERE sku = 'A'")
			return []found{one(Reserved, at("default", "A", "3", "7"))}
		}},
		{"committed is too low", func(t *testing.T, w *world) []found {
			w.exec(t, "UPDATE stocks SET committed = 0 WHERE sku = 'HOT' AND location_id = 'east'")
			return []found{one(Committed, at("east", "HOT", "4", "0"))}
		}},
		{"a counter without a line", func(t *testing.T, w *world) []found {
			w.exec(t, "UPDATE stocks SET committed = -1 WHERE sku = 'Z'")
			return []found{one(Committed, at("west", "Z", "0", "-1"))}
		}},
		{"a state that moved without its stock", func(t *testing.T, w *world) []found {
			w.exec(t, "UPDATE reservations SET state = 2 WHERE reservation_id = 'reserved'")
			return []found{
				{Reserved, 2, []Difference{at("default", "A", "0", "3"), at("default", "B", "0", "1")}},
				{Committed, 2, []Difference{at("default", "A", "8", "5"), at("default", "B", "1", "0")}},
			}
		}},
		{"a stock row that is gone", func(t *testing.T, w *world) []found {
			w.exec(t, "DELETE FROM stocks WHERE sku = 'B'")
			line := func(id, state string) Difference {
				return Difference{Location: "default", SKU: "B", ReservationKey: w.rkey(t, id), Expected: "a stock row", Found: "none, and a line of " + state}
			}
			want := []Difference{line("reserved", "1 (RESERVED)"), line("canceled", "7 (CANCELED)")}
			slices.SortFunc(want, func(a, b Difference) int { return cmp.Compare(a.ReservationKey, b.ReservationKey) })
			return []found{{LineWithoutStock, 2, want}}
		}},
		{"a reservation that is gone", func(t *testing.T, w *world) []found {
			key := w.rkey(t, "reserved")
			w.exec(t, "DELETE FROM reservations WHERE rkey = ?", key)
			return []found{
				{Reserved, 2, []Difference{at("default", "A", "0", "3"), at("default", "B", "0", "1")}},
				one(LineWithoutReservation, Difference{ReservationKey: key, Expected: "a reservation", Found: "none, and 2 lines"}),
			}
		}},
		{"lines behind the last reservation", func(t *testing.T, w *world) []found {
			w.exec(t, "INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES (9000000000000000000, 'west', 'Z', 5)")
			return []found{one(LineWithoutReservation, Difference{ReservationKey: 9000000000000000000, Expected: "a reservation", Found: "none, and 1 line"})}
		}},
		{"lines that are gone", func(t *testing.T, w *world) []found {
			w.exec(t, "DELETE FROM reservation_lines WHERE rkey = ?", w.rkey(t, "confirmed"))
			return []found{
				one(Committed, at("default", "A", "0", "5")),
				one(LineCount, of(t, w, "confirmed", "1 line", "0 lines (CONFIRMED)")),
			}
		}},
		{"a line too many, of a reservation that ended", func(t *testing.T, w *world) []found {
			w.exec(t, "INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES (?, 'west', 'Z', 5)", w.rkey(t, "canceled"))
			return []found{one(LineCount, of(t, w, "canceled", "1 line", "2 lines (CANCELED)"))}
		}},
		{"a line of a tombstone", func(t *testing.T, w *world) []found {
			w.exec(t, "INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES (?, 'west', 'Z', 5)", w.rkey(t, "never-tried"))
			return []found{one(LineCount, of(t, w, "never-tried", "0 lines", "1 line (CANCELED)"))}
		}},
		{"a hold without lines", func(t *testing.T, w *world) []found {
			w.exec(t, "UPDATE reservations SET state = 1 WHERE reservation_id = 'never-tried'")
			return []found{one(NoLines, of(t, w, "never-tried", "at least 1 line", "0 lines (RESERVED)"))}
		}},
		{"a line changed together with its counter", func(t *testing.T, w *world) []found {
			w.exec(t, "UPDATE reservation_lines SET quantity = 6 WHERE rkey = ?", w.rkey(t, "confirmed"))
			w.exec(t, "UPDATE stocks SET committed = 6 WHERE sku = 'A'")
			return []found{one(LinesChanged, of(t, w, "confirmed",
				"fingerprint "+fingerprint(line("default", "A", 5)), fingerprint(line("default", "A", 6))+" (CONFIRMED)"))}
		}},
		{"a state that nobody knows", func(t *testing.T, w *world) []found {
			w.exec(t, "UPDATE reservations SET state = 9 WHERE reservation_id = 'confirmed'")
			return []found{
				one(Committed, at("default", "A", "0", "5")),
				one(UnknownState, of(t, w, "confirmed", "a state from 1 to 6", "9")),
			}
		}},
		{"two in one sku", func(t *testing.T, w *world) []found {
			w.exec(t, "UPDATE stocks SET reserved = reserved - 36 WHERE sku = 'HOT' AND location_id = 'east'")
			w.exec(t, "UPDATE stocks SET reserved = reserved + 1, committed = committed + 10 WHERE sku = 'HOT' AND location_id = 'west'")
			return []found{
				{Reserved, 2, []Difference{at("east", "HOT", "36", "0"), at("west", "HOT", "18", "19")}},
				one(Committed, at("west", "HOT", "2", "12")),
			}
		}},
	}
	onEachWorld(t, func(t *testing.T, w *world) {
		w.shop(t)
		clean := w.audit(t, Options{})
		requireFound(t, clean)
		require.Equal(t, shopExamined, clean.Ledger)
		restore := w.remember(t)
		for _, tt := range cases {
			t.Run(tt.name, func(t *testing.T) {
				defer restore()
				want := tt.corrupt(t, w)
				for _, page := range []int{1, 3, 0} {
					report, err := Run(t.Context(), Deps{Ledger: w.store}, Options{Page: page})
					require.NoError(t, err)
					requireFound(t, report, want...)
					require.ErrorIs(t, report.Err(false), ErrContradiction, "page of %d", page)
				}
			})
		}
		requireFound(t, w.audit(t, Options{}))
	})
}

// Whatever falls on the edge of a page (a sku with more places than a page has
// rows, a reservation with more lines, a hot sku over many pages) the figures are
// the same.
func TestPageEdges(t *testing.T) {
	w := serverWorld(t)
	w.shop(t)
	w.exec(t, "UPDATE stocks SET reserved = 0 WHERE sku = 'HOT'")
	w.exec(t, "UPDATE stocks SET committed = 1 WHERE sku IN ('HOT', 'Z') AND location_id = 'west'")
	w.exec(t, "DELETE FROM stocks WHERE sku = 'B'")
	w.exec(t, "DELETE FROM reservation_lines WHERE rkey = ? AND sku = 'HOT' AND location_id = 'west'", w.rkey(t, "hot-07"))
	w.exec(t, "DELETE FROM reservations WHERE reservation_id = 'hot-11'")
	whole, err := Run(t.Context(), Deps{Ledger: w.store}, Options{Page: 5000})
	require.NoError(t, err)
	require.Equal(t, LedgerExamined{Stocks: 4, Reservations: 23, Lines: 43}, whole.Ledger)
	require.Equal(t, []Difference{
		{Location: "east", SKU: "HOT", Expected: "34", Found: "0"},
		{Location: "west", SKU: "HOT", Expected: "16", Found: "0"},
	}, whole.Findings[0].Differences)
	require.Equal(t, []Kind{Reserved, Committed, LineWithoutStock, LineWithoutReservation, LineCount}, kinds(whole))
	for page := range 50 {
		report, err := Run(t.Context(), Deps{Ledger: w.store}, Options{Page: page + 1})
		require.NoError(t, err)
		require.Equal(t, whole, report, "pages of %d", page+1)
	}
}

// By sku, lines are read once. Only a sku that fills a page with its places is
// read again, for the next page: it may go on there.
func TestReadsLinesOnce(t *testing.T) {
	w := serverWorld(t)
	w.shop(t) // A and B have 4 lines, HOT has 40 at two places, Z none
	for page, want := range map[int]int64{2: 44 + 40, 3: 44, 4: 44, 1000: 44} {
		var read int64
		_, err := Run(t.Context(), Deps{Ledger: w.store}, Options{Page: page, Progress: func(step string, done int64) {
			if step == "lines by sku" {
				read = done
			}
		}})
		require.NoError(t, err)
		require.Equal(t, want, read, "pages of %d", page)
	}
}

func kinds(report Report) (kinds []Kind) {
	for _, f := range report.Findings {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

// Of many differences the first are listed and all are counted.
func TestShowsTheFirstAndCountsAll(t *testing.T) {
	w := embeddedWorld(t)
	w.shop(t)
	w.exec(t, "UPDATE stocks SET reserved = reserved + 1")
	w.exec(t, "DELETE FROM reservation_lines WHERE sku = 'HOT' AND location_id = 'west'")
	report, err := Run(t.Context(), Deps{Ledger: w.store}, Options{Page: 3, Show: 2})
	require.NoError(t, err)
	require.Equal(t, int64(5), report.Findings[0].Total)
	require.Equal(t, []Difference{
		{Location: "default", SKU: "A", Expected: "3", Found: "4"},
		{Location: "default", SKU: "B", Expected: "1", Found: "2"},
	}, report.Findings[0].Differences)
	require.Equal(t, LineCount, report.Findings[2].Kind)
	require.Equal(t, int64(20), report.Findings[2].Total)
	require.Len(t, report.Findings[2].Differences, 2)
	require.Equal(t, int64(26), report.Count(Contradiction))
}

// A damaged index would let lines escape the sums. SQLite shows it: its schema
// can be made to lie.
func TestDamagedIndex(t *testing.T) {
	w := embeddedWorld(t)
	w.shop(t)
	conn, err := w.raw.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	for _, statement := range []string{
		"DROP INDEX reservation_lines_by_sku",
		"CREATE INDEX reservation_lines_by_sku ON reservation_lines (sku, rkey, quantity) WHERE sku <> 'Z'",
		"PRAGMA writable_schema = ON",
		"UPDATE sqlite_schema SET sql = 'CREATE INDEX reservation_lines_by_sku ON reservation_lines (sku, rkey, quantity)' WHERE name = 'reservation_lines_by_sku'",
		fmt.Sprintf("INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES (%d, 'west', 'Z', 1)", w.rkey(t, "canceled")),
	} {
		_, err := conn.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	report, err := Run(t.Context(), Deps{Ledger: w.store}, Options{})
	require.NoError(t, err)
	require.Equal(t, LinesBySKU, report.Findings[len(report.Findings)-1].Kind)
	require.Equal(t, []Difference{{Expected: "45 lines", Found: "44 lines"}}, report.Findings[len(report.Findings)-1].Differences)
	require.Error(t, report.Err(false))
}
