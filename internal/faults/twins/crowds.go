package twins

func inInventory(tests ...string) Suite { return Suite{Package: "inventory", Tests: tests} }

func inReservation(tests ...string) Suite { return Suite{Package: "reservation", Tests: tests} }

func inStore(tests ...string) Suite { return Suite{Package: "internal/store", Tests: tests} }

// crowds are the guards of what many calls share: round trips, transactions,
// connections, and the room that there is in a storm.
var crowds = []Twin{
	{
		Name:    "one has the last word on a load",
		Promise: "A caller that leaves has its results to itself: the flight that lands later writes nothing there.",
		Without: "The flight writes its answer whether or not the caller has left.",
		Edits: []Edit{{"inventory/convoy.go", "return l.claimed.CompareAndSwap(false, true)",
			"l.claimed.Store(true)\n\treturn true"}},
		Notice: inInventory("TestConvoyLeavesTheResultsOfThoseWhoLeft"),
	},
	{
		Name:    "who has left is not carried",
		Promise: "A freeze whose caller has given up in the queue is not sent: it may be settled already, and would hold units until it is reaped.",
		Without: "It is sent with the others.",
		Edits:   []Edit{{"inventory/convoy.go", "case l.claimed.Load(): // its caller has left", "case false:"}},
		Notice:  inInventory("TestConvoyLeavesAbandonedCallsBehind"),
	},
	{
		Name:    "who waited too long is turned away",
		Promise: "Nobody waits for the gate longer than two time-outs.",
		Without: "Whoever waited longer than a flight may take is carried all the same.",
		Edits:   []Edit{{"inventory/convoy.go", "case now.Sub(l.since) > c.timeout:", "case now.Before(l.since):"}},
		Notice:  inInventory("TestConvoyTurnsTheLateAway"),
	},
	{
		Name:    "the queue is bounded in time",
		Promise: "A call that would wait longer than it may for its transaction is refused when it comes.",
		Without: "It is queued, and answered late.",
		Edits:   []Edit{{"reservation/queue.go", "case q.lines > 0 && q.drain(len(q.ops), q.lines) > within:", "case false:"}},
		Notice:  inReservation("TestQueueIsBoundedInTime"),
	},
	{
		Name:    "a late transaction gets help",
		Promise: "While one transaction takes far longer than usual, another committer works beside it.",
		Without: "What is queued waits for the one that stands still.",
		Edits:   []Edit{{"reservation/queue.go", "q.late, q.armed = true, false", "q.armed = false"}},
		Notice:  inReservation("TestASecondCommitterHelpsWhereNeeded"),
	},
	{
		Name:    "calls gather for one transaction",
		Promise: "What arrives during a transaction gathers for the next: one row lock and one write serve many calls.",
		Without: "Every committer that is free takes whatever there is.",
		Edits:   []Edit{{"reservation/queue.go", "case len(q.work) == 0 || q.late || q.closed:", "case true:"}},
		Notice:  inReservation("TestASecondCommitterHelpsWhereNeeded"),
	},
	{
		Name:    "committers divide the rows",
		Promise: "Where more waits than one transaction carries, those under way at once want different stock rows.",
		Without: "They want the same ones, and follow each other.",
		Edits:   []Edit{{"reservation/queue.go", "if n > most", "if false && n > most"}},
		Notice:  inReservation("TestCommittersDivideTheRows"),
	},
	{
		Name:    "a stuck transaction does not keep its rows",
		Promise: "Rows that were divided are open to another committer when the one that has them stands still.",
		Without: "Nobody comes for them but with all others, though it waits for one of them only.",
		Edits:   []Edit{{"reservation/queue.go", " && time.Since(l.taken) <= q.patience()", ""}},
		Notice:  inReservation("TestAStuckTransactionDoesNotKeepItsShard"),
	},
	{
		Name:    "what a division leaves is not forgotten",
		Promise: "Who goes to sleep over calls that are too few to help with is woken when the transaction under way takes too long.",
		Without: "They wait for it, however long it stands still.",
		Edits:   []Edit{{"reservation/queue.go", "if len(q.ops) > 0 && !q.armed {", "if false {"}},
		Notice:  inReservation("TestWhatADivisionLeavesIsNotForgotten"),
	},
	{
		Name:    "a connection in doubt is closed",
		Promise: "A connection whose transaction may still be open is not given back to the pool: the next BEGIN would commit it.",
		Without: "It is given back.",
		Edits:   []Edit{{"internal/store/session.go", "return driver.ErrBadConn })", "return nil })\n\t_ = m.Conn.Close()\n\t_ = driver.ErrBadConn"}},
		Notice:  inStore("TestAConnectionThatMayHaveATransactionOpenIsClosed"),
	},
	{
		Name:    "statements in one round trip are counted each",
		Promise: "A change that finds fewer rows than it must is seen, also among others that travel with it.",
		Without: "The counts are those of the statements before: BEGIN's are not left out.",
		Edits:   []Edit{{"internal/store/session.go", "return counts[skip:], nil", "return counts[:len(statements)], nil"}},
		Notice:  inStore("TestStatementsSentTogetherAreCountedEach"),
	},
	{
		Name:    "a storm has so much room",
		Promise: "Of those who are stopped in a storm only so many are looked up at once, and the others turned away.",
		Without: "All of them are.",
		Edits:   []Edit{{"reservation/try.go", "under == n || under <= int64(s.opts.MaxStopped) {", "under > 0 {"}},
		Notice:  inReservation("TestStormLeavesRoom"),
	},
	{
		Name:    "a storm is for one row",
		Promise: "Calls for rows that few ask for are not slowed down, however many such rows there are.",
		Without: "Calls are counted together, whatever row they are for.",
		Edits:   []Edit{{"reservation/pressure.go", "max(p.stopped[row], p.before[row]) > stormRate", "len(p.stopped) > stormRate"}},
		Notice:  inReservation("TestAStormIsForOneRow"),
	},
	{
		Name:    "a storm goes on for a while",
		Promise: "A row that had a storm a second ago has one.",
		Without: "Every second begins without one.",
		Edits:   []Edit{{"reservation/pressure.go", "max(p.stopped[row], p.before[row]) > stormRate", "p.stopped[row] > stormRate"}},
		Notice:  inReservation("TestAStormIsForOneRow"),
	},
	{
		Name:    "callers call as often as they may",
		Promise: "No caller calls more often than it may.",
		Without: "Nobody is turned away for that.",
		Edits: []Edit{{"internal/rpc/admission.go", "if wait, ok := a.rates.Take(caller.Name, limit.Rate); !ok {",
			"if wait, ok := a.rates.Take(caller.Name, limit.Rate); !ok && wait < 0 {"}},
		Notice: inRPC("TestOneCallerCannotTakeAllPlaces"),
	},
	{
		Name:    "callers have so many places",
		Promise: "No caller has more calls under way than it may.",
		Without: "There is always a place.",
		Edits:   []Edit{{"internal/quota/seats.go", "if s.taken[name] >= most {", "if s.taken[name] < 0 {"}},
		Notice:  Suite{Package: "internal/quota", Tests: []string{"TestSeats"}},
	},
	{
		Name:    "places are given back",
		Promise: "A caller has as many calls under way as it may, and no fewer.",
		Without: "The place of a call that is over stays taken.",
		Edits:   []Edit{{"internal/rpc/admission.go", "\t\tdefer a.seats.Leave(caller.Name)\n", ""}},
		Notice:  inRPC("TestOneCallerCannotTakeAllPlaces"),
	},
}
