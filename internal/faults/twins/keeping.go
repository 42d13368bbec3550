package twins

// byPurge lets everything end, and purges it bit by bit.
var byPurge = Suite{Package: "internal/store", Tests: []string{"TestPurgeTakesOnlyWhatEndedLongAgo"}, Part: "SQLite"}

// keeping are the guards of what is kept, and for how long.
var keeping = []Twin{
	{
		Name:    "CONFIRMED is kept for ever",
		Promise: "Goods promised are never purged.",
		Without: "CONFIRMED reservations are purged like those that ended.",
		Edits:   []Edit{{"internal/store/sweep.go", "[]reservation.State{reservation.Fulfilled,", "[]reservation.State{reservation.Confirmed, reservation.Fulfilled,"}},
		Notice:  byPurge,
	},
	{
		Name:    "tombstones are kept for a time",
		Promise: "A tombstone is kept as long as its Try may come.",
		Without: "It is purged at once.",
		Edits:   []Edit{{"internal/store/sweep.go", "age = keep.Tombstones", "age = 0"}},
		Notice:  byPurge,
	},
	{
		Name:    "what ended is kept for a time",
		Promise: "What ended is kept for its time, counted from the latest change of state.",
		Without: "Its age is not looked at.",
		Edits: []Edit{
			{"internal/store/sweep.go", "now.Add(-age)", "now.Add(age)"},
		},
		Notice: byPurge,
	},
	{
		Name:    "the purge looks again",
		Promise: "Between the look and the lock a reservation may be taken again: the DELETE names state and age once more.",
		Without: "What was old when it was looked for is deleted. (Lock and DELETE both name state and age; both go by the key alone here.)",
		Edits: []Edit{
			{"internal/store/sweep.go", "q := in(newStatement(\"SELECT rkey FROM reservations\"+s.dialect.index(\"PRIMARY\")+\" WHERE rkey IN \"), keys).add(\" AND\")",
				"q := in(newStatement(\"SELECT rkey FROM reservations\"+s.dialect.index(\"PRIMARY\")+\" WHERE rkey IN \"), keys)"},
			{"internal/store/sweep.go", "old(q).add(\" ORDER BY rkey\"+s.dialect.skipLocked)", "q.add(\" ORDER BY rkey\"+s.dialect.skipLocked)"},
			{"internal/store/sweep.go", "old(in(newStatement(\"DELETE FROM reservations WHERE rkey IN \"), locked).add(\" AND\"))",
				"in(newStatement(\"DELETE FROM reservations WHERE rkey IN \"), locked)"},
		},
		Notice: Suite{Package: "internal/store", Tests: []string{"TestThePurgeLooksAgain"}},
	},
	{
		Name:    "a row and its lines go together",
		Promise: "The purge takes row and lines in one transaction.",
		Without: "The lines are deleted in a transaction of their own.",
		Edits: []Edit{{"internal/store/sweep.go", "\tvar deleted int\n\terr := s.within(ctx, func(t *tx) error {\n",
			"\tvar deleted int\n\terr := s.within(ctx, func(t *tx) error {\n\t\treturn t.exec(ctx, change{\"purge lines\", in(newStatement(\"DELETE FROM reservation_lines WHERE rkey IN \"), keys), anyRows})\n\t})\n" +
				"\tif err != nil {\n\t\treturn 0, err\n\t}\n\terr = s.within(ctx, func(t *tx) error {\n"}},
		Notice: Suite{Package: "internal/store", Tests: []string{"TestRowAndLinesArePurgedTogether"}},
	},
	{
		Name:    "lines are purged",
		Promise: "No line outlives its reservation.",
		Without: "Lines stay.",
		Edits:   []Edit{{"internal/store/sweep.go", "change{\"purge lines\", in(newStatement(\"DELETE FROM reservation_lines WHERE rkey IN \"), locked), anyRows},\n", ""}},
		Notice:  Suite{Package: "internal/store", Tests: []string{"TestRowAndLinesArePurgedTogether"}},
	},
	{
		Name:    "adjustments are kept for a time",
		Promise: "An adjustment id is known for its time.",
		Without: "Adjustments are purged at once.",
		Edits:   []Edit{{"internal/store/sweep.go", "now.Add(-keep.Adjustments)", "now.Add(keep.Adjustments)"}},
		Notice:  byPurge,
	},
}
