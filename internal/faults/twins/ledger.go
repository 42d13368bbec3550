package twins

// bySimulation are seeded schedules of the whole service on simulated stores.
func bySimulation(seeds string) Suite {
	return Suite{Package: "internal/simulation", Tests: []string{"TestSchedules"}, Args: []string{"-seeds=" + seeds}}
}

// bySteps watches the order of a transaction's steps.
var bySteps = Suite{Package: "reservation", Tests: []string{"TestEverythingIsReadUnderItsLocks"}, Part: "SQLite"}

// onLedger names a test of the ledger, on the embedded database or on MariaDB.
func onLedger(database string, tests ...string) Suite {
	return Suite{Package: "reservation", Tests: tests, Part: database}
}

// ledger are the guards of a batch: what it reads when, what it writes how, and
// what it makes of errors.
var ledger = []Twin{
	{
		Name:    "never oversold",
		Promise: "The ledger checks every line under the lock of its stock row.",
		Without: "The ledger believes the gate.",
		Edits:   []Edit{{"reservation/batch.go", "if short := b.shortages(op.Lines); len(short) > 0 {", "if short := b.shortages(op.Lines); len(short) > len(op.Lines) {"}},
		Notice:  Suite{Package: "internal/store", Tests: []string{"TestConcurrentTrysNeverOversell"}, Part: "SQLite"},
	},
	{
		Name:    "adjustments under the locks",
		Promise: "Adjustment ids are read under the locks of their stock rows.",
		Without: "They are read before.",
		Edits: []Edit{
			{"reservation/transaction.go", "stocks, err := tx.LockStocks(ctx, keysToLock(ops, held), Await)",
				"early, err := tx.Adjustments(ctx, adjustmentIDs(ops))\n\tif err != nil {\n\t\treturn nil, nil, err\n\t}\n\tstocks, err := tx.LockStocks(ctx, keysToLock(ops, held), Await)"},
			{"reservation/transaction.go", "if adjustments, err = tx.Adjustments(ctx, ids); err != nil {", "if adjustments = early; err != nil {"},
		},
		Notice: onLedger("", "TestAdjustmentsAreReadUnderTheirLocks"),
	},
	{
		Name:    "the clock under the locks",
		Promise: "The database's clock is read when everything is locked.",
		Without: "It is read before the stock rows are locked.",
		Edits: []Edit{
			{"reservation/transaction.go", "stocks, err := tx.LockStocks(ctx, keysToLock(ops, held), Await)",
				"now, err := tx.Now(ctx)\n\tif err != nil {\n\t\treturn nil, nil, err\n\t}\n\tstocks, err := tx.LockStocks(ctx, keysToLock(ops, held), Await)"},
			{"reservation/transaction.go", "now, err := tx.Now(ctx)\n\tif err != nil {\n\t\treturn nil, nil, err\n\t}\n\n\tb := newBatch", "b := newBatch"},
		},
		Notice: bySteps,
	},
	{
		Name:    "one clock for a batch",
		Promise: "The clock is read once: one time for the whole batch.",
		Without: "It is read again for every operation.",
		Edits: []Edit{{"reservation/transaction.go", "answers[i] = b.apply(op)",
			"if b.now, err = tx.Now(ctx); err != nil {\n\t\t\treturn nil, nil, err\n\t\t}\n\t\tanswers[i] = b.apply(op)"}},
		Notice: bySteps,
	},
	{
		Name:    "the ledger's time is the database's",
		Promise: "Every time that decides anything is the database's.",
		Without: "A batch goes by the process's clock.",
		Edits:   []Edit{{"reservation/transaction.go", "b := newBatch(now,", "b := newBatch(time.Now().UTC(),"}},
		Notice:  bySimulation("300"),
	},
	{
		Name:    "look again before a refusal",
		Promise: "A Try that is about to be refused looks for its id once more, under the stock locks.",
		Without: "It is refused by what was read before.",
		Edits:   []Edit{{"reservation/transaction.go", "if missing := b.missing(); len(missing) > 0 {", "if missing := b.missing(); len(missing) < 0 {"}},
		Notice:  onLedger("SQLite", "TestARepeatIsNeverRefusedForItsOwnStock"),
	},
	{
		Name:    "look again, TOO_LATE included",
		Promise: "It does so whatever it is refused for.",
		Without: "A Try that is too late is refused at once.",
		Edits:   []Edit{{"reservation/batch.go", "b.doubtful = append(b.doubtful, op.ID)", "if refusal.Reason != TooLate {\n\t\t\tb.doubtful = append(b.doubtful, op.ID)\n\t\t}"}},
		Notice:  onLedger("SQLite", "TestATooLateRepeatIsAReplay"),
	},
	{
		Name:    "no view before COMMIT",
		Promise: "No view leaves before its COMMIT is known.",
		Without: "The gate is told when COMMIT is sent.",
		Edits:   []Edit{{"reservation/transaction.go", "return b, answers, tx.Commit(ctx)", "l.settler.add(b.views(), nil)\n\treturn b, answers, tx.Commit(ctx)"}},
		Notice:  onLedger("SQLite", "TestNoViewBeforeCommit"),
	},
	{
		Name:    "an answer is kept",
		Promise: "A hold that is answered OK is committed before the answer leaves.",
		Without: "Whatever COMMIT says, the batch is answered.",
		Edits:   []Edit{{"reservation/transaction.go", "return b, answers, tx.Commit(ctx)", "_ = tx.Commit(ctx)\n\treturn b, answers, nil"}},
		Notice:  bySimulation("300"),
	},
	{
		Name:    "a plain read proves nothing",
		Promise: "After a lost reply to COMMIT a plain read proves nothing while the server may still be committing.",
		Without: "What a plain read does not find is answered as never done.",
		Edits: []Edit{{"reservation/ledger.go", "\t\t\tcountRetry(\"commit_unknown\")\n\t\t\tif doubt.IsZero() {\n",
			"\t\t\tcountRetry(\"commit_unknown\")\n\t\t\tif known, err := l.store.Known(ctx, idsToLock(ops, true)); err == nil && len(known) == 0 {\n" +
				"\t\t\t\tl.fail(ops, overloaded(\"nothing was written\", l.retryAfter()))\n\t\t\t\treturn\n\t\t\t}\n\t\t\tif doubt.IsZero() {\n"}},
		Notice: bySimulation("2500"),
	},
	{
		Name:    "a lost COMMIT is run again",
		Promise: "When COMMIT's reply is lost the same operations run again, and what had happened turns into replays.",
		Without: "They fail as if the ledger had been away.",
		Edits:   []Edit{{"reservation/ledger.go", "case errors.Is(err, ErrCommitUnknown), !doubt", "case false, !doubt"}},
		Notice:  onLedger("SQLite", "TestLostCommitReply"),
	},
	{
		Name:    "a lost COMMIT reads every id",
		Promise: "What is run again after a lost COMMIT reads and locks every id first.",
		Without: "Its Trys are taken to be new.",
		Edits: []Edit{
			{"reservation/ledger.go", "readAll := !doubt.IsZero()", "readAll := false"},
			{"reservation/plan.go", "(all || op.Known || op.Call != Try || op.Defer != nil)", "(op.Known || op.Call != Try || op.Defer != nil)"},
		},
		Notice: onLedger("SQLite", "TestLostCommitReply"),
	},
	{
		Name:    "what is in doubt stays in doubt",
		Promise: "OVERLOADED means that nothing was done, nor will be.",
		Without: "A call whose COMMIT got no reply is set aside and told so, too. (Two guards: such a call is not set aside, and is marked.)",
		Edits: []Edit{
			{"reservation/operation.go", "return !op.doubted.Load() && op.phase", "return op.phase"},
			{"reservation/ledger.go", "case errors.Is(err, ErrLockWait) && !doubt.IsZero():", "case false:"},
		},
		Notice: Suite{Package: "reservation", Tests: []string{"TestWhatIsInDoubtIsNeverOverloaded"}},
	},
	{
		Name:    "what is in doubt is not set aside",
		Promise: "A call whose COMMIT got no reply is run again until it is known what became of it.",
		Without: "When its batch is split, and its row is slow, it goes to the slow lane, where one lock wait ends it.",
		Edits:   []Edit{{"reservation/ledger.go", "if doubt.IsZero() {\n\t\t\t\t\thalf = l.divert(half)\n\t\t\t\t}", "half = l.divert(half)"}},
		Notice:  onLedger("", "TestWhatIsInDoubtIsNotSetAside"),
	},
	{
		Name:    "nor under its locks",
		Promise: "The same holds for a call whose rows only its reservation tells.",
		Without: "It goes to the slow lane when its reservation is locked and read.",
		Edits:   []Edit{{"reservation/ledger.go", "l.attempt(ctx, ops, readAll, doubt.IsZero())", "l.attempt(ctx, ops, readAll, true)"}},
		Notice:  onLedger("", "TestWhatIsInDoubtIsNotSetAside", "TestWhatIsInDoubtStaysSoInTheSlowLane"),
	},
	{
		Name:    "the halves of doubt are in doubt",
		Promise: "A batch in doubt that is split stays in doubt.",
		Without: "Its halves are run as if nobody had tried before: one lock wait or a lost connection ends them.",
		Edits:   []Edit{{"reservation/ledger.go", "l.run(ctx, half, doubt)", "l.run(ctx, half, time.Time{})"}},
		Notice:  onLedger("", "TestWhatIsInDoubtIsNotSetAside"),
	},
	{
		Name:    "doubt in the slow lane",
		Promise: "A COMMIT that is lost in the slow lane leaves as much doubt as any other.",
		Without: "Its calls are run again as if nobody had tried before.",
		Edits:   []Edit{{"reservation/slowlane.go", "l.run(ctx, ops, l.doubted(ops, err))", "l.doubted(ops, err)\n\t\tl.run(ctx, ops, time.Time{})"}},
		Notice:  onLedger("", "TestWhatIsInDoubtStaysSoInTheSlowLane"),
	},
	{
		Name:    "what nobody waits for is not begun",
		Promise: "OVERLOADED means that nothing was done, nor will be.",
		Without: "Committers also take operations that their callers gave up.",
		Edits:   []Edit{{"reservation/ledger.go", "if op.take() {\n\t\t\tkept", "if op.take() || true {\n\t\t\tkept"}},
		Notice:  onLedger("", "TestWhatWasGivenUpInTheQueueIsNeverDone"),
	},
	{
		Name:    "a refusal is a result",
		Promise: "A refusal never rolls a batch back.",
		Without: "The batch fails with its first refusal, and is halved.",
		Edits: []Edit{{"reservation/transaction.go", "answers[i] = b.apply(op)",
			"answers[i] = b.apply(op)\n\t\tif answers[i].Err != nil {\n\t\t\treturn nil, nil, answers[i].Err\n\t\t}"}},
		Notice: onLedger("SQLite", "TestARefusalIsAResult"),
	},
	{
		Name:    "a lock wait rolls all back",
		Promise: "1205 undoes one statement only: the whole batch is rolled back.",
		Without: "What was written before the lock wait is committed.",
		Edits: []Edit{
			{"reservation/transaction.go", "\t\"context\"\n", "\t\"context\"\n\t\"errors\"\n"},
			{"reservation/transaction.go", "defer tx.Rollback()",
				"defer func() {\n\t\tif errors.Is(err, ErrLockWait) {\n\t\t\t_ = tx.Commit(context.WithoutCancel(ctx))\n\t\t}\n\t\ttx.Rollback()\n\t}()"},
		},
		Notice: onLedger("", "TestALockWaitRollsTheWholeBatchBack"),
	},
	{
		Name:    "a lock wait halves what it cannot see",
		Promise: "A batch that timed out on a lock nobody can see is halved until the culprit is alone.",
		Without: "All of it fails.",
		Edits:   []Edit{{"reservation/ledger.go", "case len(ops) > 1:\n", "case len(ops) > 1 && !errors.Is(err, ErrLockWait):\n"}},
		Notice:  onLedger("", "TestALockWaitRollsTheWholeBatchBack"),
	},
	{
		Name:    "halves are set aside",
		Promise: "A lock that nobody can see is waited for alone once: the other calls of its batch that want the row are set aside.",
		Without: "Every half of the batch waits for it, down to the last call.",
		Edits:   []Edit{{"reservation/ledger.go", "half = l.divert(half)\n", "\n"}},
		Notice:  onLedger("", "TestALockThatNobodySeesIsWaitedForByFew"),
	},
	{
		Name:    "an away ledger never splits",
		Promise: "Connection errors never split a batch: all of it fails at once.",
		Without: "A batch that meets an away ledger is halved.",
		Edits: []Edit{{"reservation/ledger.go", "case errors.Is(err, ErrAway), errors.Is(err, ErrConflict):",
			"case len(ops) == 1 && errors.Is(err, ErrAway), errors.Is(err, ErrConflict):"}},
		Notice: onLedger("SQLite", "TestAwayNeverSplits"),
	},
	{
		Name:    "a server in trouble is away",
		Promise: "Read-only and too many connections mean that the ledger is away: they never split a batch.",
		Without: "Whatever the server says is blamed on the data.",
		Edits: []Edit{{"internal/store/mysql.go", "case strings.HasPrefix(state, \"22\"), strings.HasPrefix(state, \"23\"):",
			"case strings.HasPrefix(state, \"\"):"}},
		Notice: Suite{Package: "internal/store", Tests: []string{"TestWhatAnErrorOfMySQLMeans"}},
	},
	{
		Name:    "conflicts run again",
		Promise: "A duplicate key or a deadlock rolls back and runs the whole batch again.",
		Without: "It is halved like any other error.",
		Edits:   []Edit{{"reservation/ledger.go", "case errors.Is(err, ErrConflict) && conflicts < maxConflicts:", "case false:"}},
		Notice:  onLedger("MariaDB", "TestARepeatIsNeverRefusedForItsOwnStock"),
	},
	{
		Name:    "a known adjustment replays first",
		Promise: "A known adjustment id replays before anything else is looked at.",
		Without: "expected_on_hand and the result are looked at first.",
		Edits: []Edit{{"reservation/batch.go", "if known, ok := b.adjustments[c.ID]; ok {",
			"if _, err := c.Apply(row.after.OnHand, b.onHandLimit); err != nil {\n\t\treturn Answer{Err: changeRefusal(c, row.after.OnHand, err)}\n\t}\n\tif known, ok := b.adjustments[c.ID]; ok {"}},
		Notice: onLedger("SQLite", "TestAKnownAdjustmentReplaysFirst"),
	},
	{
		Name:    "versions grow",
		Promise: "Every batch that changes a stock row gives it a newer version.",
		Without: "The version stays.",
		Edits:   []Edit{{"reservation/batch.go", "s.Version = row.before.Version + 1", "s.Version = max(row.before.Version, 1)"}},
		Notice:  Suite{Package: "internal/store", Tests: []string{"TestHoldTakeAndGiveBack"}, Part: "SQLite"},
	},
	{
		Name:    "a moved check is left alone",
		Promise: "A next check that a caller moved since the claim is left alone.",
		Without: "The sweeper puts it off whatever happened since.",
		Edits:   []Edit{{"reservation/batch.go", " || !row.after.NextCheckAt.Equal(d.Lease)", ""}},
		Notice:  Suite{Package: "internal/store", Tests: []string{"TestDeferralRespectsWhatACallerMoved"}, Part: "SQLite"},
	},
	{
		Name:    "a failed call gives back its freeze",
		Promise: "When the ledger is away, what the gate froze is settled at once.",
		Without: "It stays pending until the sweeper reaps it.",
		Edits:   []Edit{{"reservation/transaction.go", "\top.finish(answer)\n\tl.settleHold(op)\n", "\top.finish(answer)\n"}},
		Notice:  Suite{Package: "reservation", Tests: []string{"TestFullQueue"}},
	},
}
