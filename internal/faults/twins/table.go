package twins

// byTable is the state table, written out a second time by hand.
var byTable = Suite{Package: "reservation", Tests: []string{"TestStateTable"}}

// table are the guards of the state table, and of who may use which of its columns.
var table = []Twin{
	{
		Name:    "expire what is due",
		Promise: "A hold expires, or is confirmed by policy, once it is due and not before.",
		Without: "The cells for due calls do not ask whether the hold is due.",
		Edits: []Edit{
			{"reservation/state.go", "if facts.Due {\n\t\t\t\treturn moved(Expired, release)", "if true {\n\t\t\t\treturn moved(Expired, release)"},
			{"reservation/state.go", "if facts.Due {\n\t\t\t\treturn moved(Confirmed, take)", "if true {\n\t\t\t\treturn moved(Confirmed, take)"},
		},
		Notice: byTable,
	},
	{
		Name:    "due under the lock",
		Promise: "Whether a hold is due is asked again when it is locked.",
		Without: "What was due when it was looked for is taken to be due.",
		Edits:   []Edit{{"reservation/batch.go", "Due: !current.ExpiresAt.After(b.now)", "Due: true"}},
		Notice:  Suite{Package: "internal/store", Tests: []string{"TestRunDueActsOnWhatIsDue"}, Part: "SQLite"},
	},
	{
		Name:    "expiry gives back once",
		Promise: "A Cancel of an expired reservation moves no stock.",
		Without: "It gives the units back a second time.",
		Edits: []Edit{{"reservation/state.go", "return moot(Canceled, CancelAfterExpiry)",
			"return Step{Next: Canceled, Move: release, Caught: CancelAfterExpiry}"}},
		Notice: byTable,
	},
	{
		Name:    "only what expired is taken again",
		Promise: "CANCELED is the caller's or the decider's word, and final.",
		Without: "A late Confirm may take a canceled reservation again.",
		Edits: []Edit{{"reservation/state.go", "case Canceled:\n\t\tswitch call {\n",
			"case Canceled:\n\t\tif call == ConfirmAny {\n\t\t\treturn ifFits(Confirmed, takeAgain)\n\t\t}\n\t\tswitch call {\n"}},
		Notice: byTable,
	},
	{
		Name:    "a refused taking again is final",
		Promise: "A reservation that was to be taken again and did not fit becomes CANCELED, so that a late duplicate cannot take stock after the refund.",
		Without: "It stays EXPIRED.",
		Edits: []Edit{{"reservation/state.go", "if state == Expired {\n\t\treturn refused(Canceled,",
			"if state == Expired {\n\t\treturn refused(Expired,"}},
		Notice: Suite{Package: "reservation", Tests: []string{"TestShortTakeAgainEndsForGood"}},
	},
	{
		Name:    "a refused taking again is written",
		Promise: "A refusal that changes a state is committed like any other change.",
		Without: "A refused call writes nothing.",
		Edits:   []Edit{{"reservation/batch.go", "changed := step.Next != from", "changed := step.Next != from && step.Refusal == 0"}},
		Notice:  Suite{Package: "reservation", Tests: []string{"TestARefusalIsAResult"}, Part: "SQLite"},
	},
	{
		Name:    "taking again asks whether it fits",
		Promise: "Taking again never makes available negative.",
		Without: "A late Confirm takes again whatever is left.",
		Edits:   []Edit{{"reservation/batch.go", "if step.IfFits {", "if false {"}},
		Notice:  Suite{Package: "reservation", Tests: []string{"TestARefusalIsAResult"}, Part: "SQLite"},
	},
	{
		Name:    "the first final state stands",
		Promise: "What was confirmed cannot be canceled.",
		Without: "A Cancel after the Confirm gives the units back.",
		Edits: []Edit{{"reservation/state.go", "return refused(Confirmed, AlreadyConfirmed, CancelAfterConfirm)",
			"return moved(Canceled, putBack)"}},
		Notice: byTable,
	},
	{
		Name:    "ABORT leaves no tombstone in the table",
		Promise: "A decider's and an operator's word act on existing reservations only.",
		Without: "Their Cancel of an unknown id makes a tombstone.",
		Edits: []Edit{{"reservation/state.go", "case Cancel:\n\t\t\treturn moot(Canceled, EmptyCancel)",
			"case Cancel, CancelKnown:\n\t\t\treturn moot(Canceled, EmptyCancel)"}},
		Notice: byTable,
	},
	{
		Name:    "ABORT uses the Cancel column",
		Promise: "An ABORT is final: what it released is not taken again.",
		Without: "An ABORT expires the hold, as its policy would.",
		Edits:   []Edit{{"sweeper/act.go", "op.Call = reservation.CancelKnown", "op.Call = reservation.ExpireDue"}},
		Notice:  byReplies,
	},
	{
		Name:    "ABORT acts on what is there",
		Promise: "A decider's word acts on existing reservations only.",
		Without: "An ABORT cancels as a caller does, tombstones included.",
		Edits:   []Edit{{"sweeper/act.go", "op.Call = reservation.CancelKnown", "op.Call = reservation.Cancel"}},
		Notice:  byReplies,
	},
	{
		Name:    "COMMIT never takes again",
		Promise: "The sweeper's COMMIT uses the Confirm column without taking again.",
		Without: "A COMMIT may take again what expired.",
		Edits:   []Edit{{"sweeper/act.go", "op.Call = reservation.Confirm\n", "op.Call = reservation.ConfirmAny\n"}},
		Notice:  byReplies,
	},
	{
		Name:    "an operator releases what is there",
		Promise: "An operator's release acts on existing reservations only.",
		Without: "It cancels as a caller does, tombstones included.",
		Edits:   []Edit{{"internal/operator/resolve.go", "Call: reservation.CancelKnown", "Call: reservation.Cancel"}},
		Notice:  byOperator,
	},
	{
		Name:    "an operator's release is final",
		Promise: "An operator's release uses the Cancel column: what it released is not taken again.",
		Without: "It expires the hold, as its policy would.",
		Edits:   []Edit{{"internal/operator/resolve.go", "Call: reservation.CancelKnown", "Call: reservation.ExpireDue"}},
		Notice:  byOperator,
	},
	{
		Name:    "an operator takes nothing again",
		Promise: "An operator's confirm uses the Confirm column without taking again.",
		Without: "It may take again what expired.",
		Edits:   []Edit{{"internal/operator/resolve.go", "request.Call = reservation.Confirm\n", "request.Call = reservation.ConfirmAny\n"}},
		Notice:  Suite{Package: "internal/faults/twins", Tests: []string{"TestAnOperatorTakesNothingAgain"}},
	},
	{
		Name:    "a Cancel without its Try leaves a tombstone",
		Promise: "The Try that its own Cancel overtook is refused.",
		Without: "The Cancel of an unknown id is answered and not kept.",
		Edits: []Edit{{"reservation/batch.go", "row.after = Reservation{HoldID: op.ID, CreatedAt: b.now}\n\t\tb.holds[op.ID] = row\n",
			"row.after = Reservation{HoldID: op.ID, CreatedAt: b.now}\n"}},
		Notice: Suite{Package: "reservation", Tests: []string{"TestTheLateTryOfACancelIsRefused"}, Part: "SQLite"},
	},
	{
		Name:    "a Try in time",
		Promise: "A Try that comes after its not_after is refused.",
		Without: "not_after is not looked at.",
		Edits:   []Edit{{"reservation/batch.go", "if !op.NotAfter.IsZero() && b.now.After(op.NotAfter) {", "if false {"}},
		Notice:  Suite{Package: "reservation", Tests: []string{"TestATooLateRepeatIsAReplay"}, Part: "SQLite"},
	},
	{
		Name:    "every interception is counted",
		Promise: "Late, doubled and reordered calls are counted.",
		Without: "Nothing is counted.",
		Edits:   []Edit{{"reservation/transaction.go", "\tcountCaught(b.caught)\n", ""}},
		Notice:  Suite{Package: "reservation", Tests: []string{"TestInterceptionsAreCounted"}},
	},
}

// byOperator are the tests of an operator's word.
var byOperator = Suite{Package: "internal/app", Tests: []string{"TestResolveBesideAServer"}, Part: "embedded"}
