package twins

// byReplies reads what each reply of an owner asks of the ledger.
var byReplies = inSweeper("", "TestWhatAReplyAsksOfTheLedger")

func inSweeper(part string, tests ...string) Suite {
	return Suite{Package: "sweeper", Tests: tests, Part: part}
}

// sweeping are the guards of the sweeper.
var sweeping = []Twin{
	{
		Name:    "unknown is not abort",
		Promise: "Nothing but an answer releases.",
		Without: "An owner that cannot tell has its hold released.",
		Edits:   []Edit{{"sweeper/act.go", "case r.verdict == Abort:\n\t\top.Call", "case r.verdict == Abort || r.verdict == Unknown:\n\t\top.Call"}},
		Notice:  byReplies,
	},
	{
		Name:    "an error is not abort",
		Promise: "Time-outs and errors decide nothing.",
		Without: "An owner that does not answer has its holds released.",
		Edits: []Edit{{"sweeper/ask.go", "default:\n\t\t\treplies = append(replies, replyAll(some, reply{verdict: Unknown})...)",
			"default:\n\t\t\treplies = append(replies, replyAll(some, reply{verdict: Abort})...)"}},
		Notice: inSweeper("", "TestAnswerBesideAnErrorIsIgnored"),
	},
	{
		Name:    "what is left out is unknown",
		Promise: "A question that the answer leaves out counts as UNKNOWN.",
		Without: "It counts as ABORT.",
		Edits:   []Edit{{"sweeper/owner.go", "fitted[i] = Decision{ID: claims[i].ID, Verdict: Unknown}", "fitted[i] = Decision{ID: claims[i].ID, Verdict: Abort}"}},
		Notice:  inSweeper("", "TestWhatDoesNotFitIsNoDecision"),
	},
	{
		Name:    "what was not asked is ignored",
		Promise: "An answer about a hold that was not asked about moves nothing.",
		Without: "It is taken for the first of those that were.",
		Edits:   []Edit{{"sweeper/owner.go", "case !asked:\n", "case !asked && d.ID == \"\":\n"}},
		Notice:  inSweeper("", "TestWhatDoesNotFitIsNoDecision"),
	},
	{
		Name:    "only the configured address decides",
		Promise: "The client of a decider follows no redirects.",
		Without: "It asks whoever it is sent to.",
		Edits: []Edit{{"sweeper/decider/client.go", "return fmt.Errorf(\"%w (to %s)\", errRedirect, to.URL.Redacted())",
			"_ = errRedirect\n\t\t\treturn nil"}},
		Notice: Suite{Package: "sweeper/decider", Tests: []string{"TestRedirectsAreRefused"}},
	},
	{
		Name:    "undecided holds are parked",
		Promise: "After so many checks without a decision a hold is shown to an operator.",
		Without: "It is asked about for ever, and nobody hears of it.",
		Edits:   []Edit{{"sweeper/act.go", "Park: parked || checks >= s.opts.ParkAfter", "Park: parked"}},
		Notice:  byReplies,
	},
	{
		Name:    "parked holds are still asked about",
		Promise: "A parked hold is still asked about, so that it heals when its owner returns.",
		Without: "Nobody looks at parked holds.",
		Edits: []Edit{{"internal/store/rows.go", "return []uint8{lane, lane | laneDeferred, lane | laneParked, lane | laneDeferred | laneParked}",
			"return []uint8{lane, lane | laneDeferred}"}},
		Notice: Suite{Package: "internal/store", Tests: []string{"TestParkedHoldsAreClaimed"}, Part: "SQLite"},
	},
	{
		Name:    "parked holds are asked about slowly",
		Promise: "A parked hold is asked about at the slowest interval.",
		Without: "It is asked about as often as before.",
		Edits:   []Edit{{"sweeper/act.go", "if d.Park {\n\t\td.Delay = delays.parked()\n\t}\n\treturn d", "return d"}},
		Notice:  byReplies,
	},
	{
		Name:    "open breakers count no check",
		Promise: "Claims and open breakers are no checks.",
		Without: "A hold is parked though nobody was asked about it.",
		Edits: []Edit{{"sweeper/act.go", "Delay: delay, Checks: r.Checks, Park: r.Parked}",
			"Delay: delay, Checks: r.Checks + 1, Park: r.Parked}"}},
		Notice: byReplies,
	},
	{
		Name:    "retry_after has limits",
		Promise: "An owner's retry_after is taken between 1 s and 1 h.",
		Without: "It is taken as it is.",
		Edits:   []Edit{{"sweeper/backoff.go", "return min(max(d, minRetry), maxRetry)", "return d + 0*(minRetry+maxRetry)"}},
		Notice:  byReplies,
	},
	{
		Name:    "contradictions are counted",
		Promise: "The first final state wins; what contradicts it later is counted.",
		Without: "It passes unseen.",
		Edits:   []Edit{{"sweeper/act.go", "report.Contradictions++\n", ""}},
		Notice:  inSweeper("", "TestContradictionIsLoggedWithWhoWhatAndWhen"),
	},
	{
		Name:    "one poison hold stops no page",
		Promise: "A hold that cannot be written is put off, and the others go on.",
		Without: "It comes back at once, in front of the others.",
		Edits:   []Edit{{"sweeper/act.go", "_, err := s.putOff(ctx, report, poison)\n\treturn errors.Join(stopped, err)", "report.Failed += len(poison)\n\treturn stopped"}},
		Notice:  inSweeper("", "TestActKeepsTheGoodAndPutsOffTheBad"),
	},
	{
		Name:    "pending holds are reaped",
		Promise: "A hold that is pending for longer than any call takes is settled.",
		Without: "Its units are not for sale until somebody wipes the gate.",
		Edits: []Edit{
			{"sweeper/pass.go", "_, err := s.reap(ctx, report)\n", "var err error\n"},
			{"sweeper/pass.go", "errs = append(errs, s.ended(ctx, report, \"reap\", repeat(ctx, report, s.reap)))\n", ""},
		},
		Notice: bySimulation("3000"),
	},
	{
		Name:    "reaping brings fresh views",
		Promise: "What is reaped is settled with views read after it was listed.",
		Without: "Only the holds are settled.",
		Edits:   []Edit{{"sweeper/reap.go", "s.gate.Settle(ctx, views(stocks), ids)", "s.gate.Settle(ctx, views(stocks[:0]), ids)"}},
		Notice:  inSweeper("", "TestReapSettlesWithFreshViews"),
	},
	{
		Name:    "the gate is refreshed",
		Promise: "What lost settlements left behind is repaired in a slow pass.",
		Without: "There is no slow pass.",
		Edits: []Edit{
			{"sweeper/pass.go", "errs = append(errs, s.ended(ctx, report, \"refresh\", s.refreshSlice(ctx, report)))\n", ""},
			{"sweeper/pass.go", "errs = append(errs, s.ended(ctx, report, \"refresh\", s.refreshAll(ctx, report)))\n", ""},
		},
		Notice: bySimulation("300"),
	},
	{
		Name:    "the refresh sends every view",
		Promise: "The slow pass sends the ledger's view of every row.",
		Without: "It only drops what is wrong.",
		Edits:   []Edit{{"sweeper/refresh.go", "s.gate.Settle(ctx, views(stocks), nil)", "s.gate.Settle(ctx, views(stocks[:0]), nil)"}},
		Notice:  inSweeper("Embedded", "TestRefreshBringsViewsUpToDate"),
	},
	{
		Name:    "units pending for no hold are freed",
		Promise: "Units that a row counts as pending and no pending hold has are freed, whatever else is pending.",
		Without: "They are free when nothing at all is pending, which may be never.",
		Edits:   []Edit{{"sweeper/refresh.go", "s.gate.Reclaim(ctx, inUse(rows))", "s.gate.Reclaim(ctx, inUse(rows[:0]))"}},
		Notice:  inSweeper("", "TestUnitsThatArePendingForNoHoldAreFreed"),
	},
	{
		Name:    "the gate is read before the ledger",
		Promise: "The slow pass reads the gate's versions first, and the ledger's rows after.",
		Without: "A row that is being sold looks like one from the future, and is dropped.",
		Edits: []Edit{
			{"sweeper/refresh.go", "\trows, err := s.rows(ctx, keys)\n\tif err != nil {\n\t\treturn err\n\t}\n\tstocks, err := s.stocks(ctx, keys)\n",
				"\tstocks, err := s.stocks(ctx, keys)\n\tif err != nil {\n\t\treturn err\n\t}\n\trows, err := s.rows(ctx, keys)\n"},
		},
		Notice: inSweeper("", "TestRefreshReadsTheGateBeforeTheLedger"),
	},
	{
		Name:    "a gate that is ahead is dropped",
		Promise: "A gate row with a later version than the ledger's is dropped.",
		Without: "It is kept, and takes no view for ever.",
		Edits:   []Edit{{"sweeper/refresh.go", "case row.Version > truth.Version:\n\t\t\td.ahead++\n", "case row.Version > truth.Version:\n\t\t\tcontinue\n"}},
		Notice:  inSweeper("", "TestCompare"),
	},
	{
		Name:    "a gate that differs is dropped",
		Promise: "A gate row with the ledger's version and another quota is dropped.",
		Without: "It is kept.",
		Edits:   []Edit{{"sweeper/refresh.go", "\t\t\td.different++\n", "\t\t\tcontinue\n"}},
		Notice:  inSweeper("", "TestCompare"),
	},
	{
		Name:    "a row that the ledger has not is dropped",
		Promise: "A gate row that the ledger does not have is dropped.",
		Without: "It is kept.",
		Edits:   []Edit{{"sweeper/refresh.go", "\t\t\td.unknown++\n", "\t\t\tcontinue\n"}},
		Notice:  inSweeper("", "TestCompare"),
	},
}
