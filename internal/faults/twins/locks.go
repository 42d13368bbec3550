package twins

// onStore names a test of the databases themselves.
func onStore(database string, tests ...string) Suite {
	return Suite{Package: "internal/store", Tests: tests, Part: database}
}

// locks are the guards of the database: what is locked, in which order, at which
// isolation, and how rows are written.
var locks = []Twin{
	{
		Name:    "reservations are locked",
		Promise: "A batch locks the reservations that it names.",
		Without: "It reads them without a lock.",
		Edits: []Edit{{"internal/store/tx.go", "\") ORDER BY owner, reservation_id\" + t.store.dialect.locking(locked)",
			"\") ORDER BY owner, reservation_id\""}},
		Notice: onStore("reservations", "TestLocksAreTaken"),
	},
	{
		Name:    "stock rows are locked",
		Promise: "A batch locks the stock rows that it touches.",
		Without: "It reads them without a lock.",
		Edits: []Edit{{"internal/store/tx.go", "\") ORDER BY location_id, sku\" + t.store.dialect.locking(locked)",
			"\") ORDER BY location_id, sku\""}},
		Notice: onStore("stock", "TestLocksAreTaken"),
	},
	{
		Name:    "due holds are locked",
		Promise: "Holds that are due, or claimed, are locked.",
		Without: "Two sweepers may take the same page.",
		Edits: []Edit{{"internal/store/tx.go", "ORDER BY due_at LIMIT ?\"+t.store.dialect.skipLocked,",
			"ORDER BY due_at LIMIT ?\","}},
		Notice: onStore("due", "TestLocksAreTaken"),
	},
	{
		Name:    "sweepers pass over locked rows",
		Promise: "A sweeper passes over holds that others are at work on.",
		Without: "It waits for them.",
		Edits: []Edit{{"internal/store/tx.go", "ORDER BY due_at LIMIT ?\"+t.store.dialect.skipLocked,",
			"ORDER BY due_at LIMIT ?\"+t.store.dialect.lock,"}},
		Notice: onStore("due", "TestLocksAreTaken"),
	},
	{
		Name:    "locks in key order",
		Promise: "Every process locks in key order, so that no two wait for each other in a ring.",
		Without: "Rows are locked as the calls came.",
		Edits: []Edit{
			{"reservation/plan.go", "return inventory.SortHolds(ids)", "return ids"},
			{"reservation/plan.go", "keys = append(keys, line.Key)\n\t\t\t}\n\t\t}\n\t}\n\treturn inventory.SortKeys(keys)",
				"keys = append(keys, line.Key)\n\t\t\t}\n\t\t}\n\t}\n\treturn keys"},
		},
		Notice: bySimulation("300"),
	},
	{
		Name:    "every read sees the latest commit",
		Promise: "A batch runs at READ COMMITTED: what is read under a lock is what is there.",
		Without: "It runs at the server's default, REPEATABLE READ.",
		Edits:   []Edit{{"internal/store/session.go", "\"SET TRANSACTION ISOLATION LEVEL READ COMMITTED;START TRANSACTION;\"", "\"DO 0;START TRANSACTION;\""}},
		Notice:  onLedger("", "TestEveryReadSeesTheLatestCommit"),
	},
	{
		Name:    "the clock comes after the locks",
		Promise: "The database's clock is read once per batch, under its locks.",
		Without: "The time that comes with the locks is read before they are waited for.",
		Edits: []Edit{{"internal/store/tx.go", "return t.store.fail(\"lock stock rows\", t.queryThenClock(ctx, q, read))",
			"early, _, err := t.store.clock(ctx, t.conn)\n\t\tif err == nil {\n\t\t\terr = t.queryThenClock(ctx, q, read)\n\t\t}\n\t\tt.clock = early\n\t\treturn t.store.fail(\"lock stock rows\", err)"}},
		Notice: onStore("", "TestTheClockIsReadUnderTheLocks"),
	},
	{
		Name:    "lock waits are short",
		Promise: "A row that stays locked stops a batch for 2 s, not for the server's 50.",
		Without: "The session keeps the server's setting.",
		Edits:   []Edit{{"internal/store/mysql.go", "config.Params[\"innodb_lock_wait_timeout\"] = lockWaitSeconds\n", "_ = lockWaitSeconds\n"}},
		Notice:  onStore("", "TestSessionsAreShortOfPatience"),
	},
	{
		Name:    "a stopped process loses its session",
		Promise: "A process that is stopped inside a batch holds its rows for 10 s, not for the server's 8 hours.",
		Without: "The session keeps the server's setting.",
		Edits:   []Edit{{"internal/store/mysql.go", "config.Params[\"wait_timeout\"] = waitTimeoutSeconds\n", "_ = waitTimeoutSeconds\n"}},
		Notice:  onStore("", "TestSessionsAreShortOfPatience"),
	},
	{
		Name:    "new reservations are inserted",
		Promise: "Only a duplicate key tells that another process was first: never INSERT IGNORE, never an upsert.",
		Without: "A reservation that is there already is passed over.",
		Edits:   []Edit{{"internal/store/write.go", "\"INSERT INTO reservations (\"", "\"INSERT IGNORE INTO reservations (\""}},
		Notice:  onLedger("MariaDB", "TestARepeatIsNeverRefusedForItsOwnStock"),
	},
	{
		Name:    "adjustments are inserted",
		Promise: "The same holds for adjustments.",
		Without: "An adjustment that is there already is passed over.",
		Edits:   []Edit{{"internal/store/write.go", "\"INSERT INTO stock_adjustments (", "\"INSERT IGNORE INTO stock_adjustments ("}},
		Notice:  onLedger("", "TestWhoeverInsertsSecondRunsAgain"),
	},
	{
		Name:    "new stock rows are inserted",
		Promise: "The same holds for new stock rows.",
		Without: "A stock row that another process made is written over.",
		Edits:   []Edit{{"internal/store/write.go", "changes.NewStocks, \"\")", "changes.NewStocks, t.store.dialect.upsert)"}},
		Notice:  onLedger("", "TestWhoeverInsertsSecondRunsAgain"),
	},
	{
		Name:    "updates count what they changed",
		Promise: "A change of state names the old state, and its count is checked.",
		Without: "The count is not looked at.",
		Edits:   []Edit{{"internal/store/write.go", "counts[i] != c.rows {", "counts[i] > c.rows {"}},
		Notice:  onStore("SQLite", "TestAChangeNamesTheOldState"),
	},
	{
		Name:    "updates name the old state",
		Promise: "A change of state names the old state, and its count is checked.",
		Without: "Rows are changed by their key alone.",
		Edits:   []Edit{{"internal/store/write.go", "WHERE state = ? AND rkey IN ", "WHERE ? IS NOT NULL AND rkey IN "}},
		Notice:  onStore("SQLite", "TestAChangeNamesTheOldState"),
	},
	{
		Name:    "the store's time is the database's",
		Promise: "Claims, due holds and the purge go by the database's clock.",
		Without: "They go by the process's.",
		Edits:   []Edit{{"internal/store/rows.go", "if s.dialect.clock == \"\" {", "if true {"}},
		Notice:  onStore("", "TestEveryTimeIsTheDatabases"),
	},
}
