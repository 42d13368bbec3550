package twins

// byScripts does every step of the gate twice, on the embedded Redis.
var byScripts = Suite{Package: "inventory", Tests: []string{"TestScripts"}}

// byVerdicts has the gate say everything it can say.
var byVerdicts = Suite{Package: "reservation", Tests: []string{"TestTheGateAloneNeverRefuses"}}

// gate are the guards of the gate, and of what the service makes of its answers.
var gate = []Twin{
	{
		Name:    "nothing pending is zero pending",
		Promise: "When no hold is pending, nothing is pending on any row that a settlement names.",
		Without: "Units that a lost or reverted Redis leaked stay pending.",
		Edits:   []Edit{{"inventory/lua/settle.lua", "if held[row] and not idle then", "if held[row] then"}},
		Notice:  byScripts,
	},
	{
		Name:    "pending never falls below zero",
		Promise: "A settlement gives back what is pending, and never more.",
		Without: "A row that lost its count goes below zero, and lets too much through.",
		Edits:   []Edit{{"inventory/lua/settle.lua", "math.max(held[row] - freed[row], 0)", "held[row] - freed[row]"}},
		Notice:  byScripts,
	},
	{
		Name:    "an older view is not taken",
		Promise: "A view is taken if its version is newer.",
		Without: "Every view is taken.",
		Edits:   []Edit{{"inventory/lua/settle.lua", "if not version[row] or newer > version[row] then", "if true then"}},
		Notice:  byScripts,
	},
	{
		Name:    "a doubled freeze",
		Promise: "A freeze that runs twice holds once.",
		Without: "The second run is not told from the first.",
		Edits:   []Edit{{"inventory/lua/freeze.lua", "if is_pending[name] then", "if is_pending[name] == 'never' then"}},
		Notice:  byScripts,
	},
	{
		Name:    "a doubled settlement",
		Promise: "A settlement that runs twice gives back once, and the same hold twice in one settlement counts once.",
		Without: "A hold gives its units back whenever it is named.",
		Edits: []Edit{
			{"inventory/lua/settle.lua", "if scores[i] and not seen[name] then", "if true then"},
			{"inventory/lua/settle.lua", "  call('HDEL', lines_of, unpack(ended, i, last))\n", ""},
			{"inventory/lua/settle.lua", "  call('UNLINK', lines_of)\n", ""},
		},
		Notice: byScripts,
	},
	{
		Name:    "a freeze checks before it writes",
		Promise: "All lines of a hold or none: every check comes before the first write.",
		Without: "Lines are taken one by one.",
		Edits: []Edit{{"inventory/lua/freeze.lua", "      short[#short + 1] = line\n",
			"      short[#short + 1] = line\n    else\n      call('HSET', KEYS[row + 2], 'p', digits(held[row] + ARGV[i + 1]))\n"}},
		Notice: byScripts,
	},
	{
		Name:    "a settlement reads before it writes",
		Promise: "A script that fails has changed nothing.",
		Without: "Holds are removed while others are still being read.",
		Edits: []Edit{{"inventory/lua/settle.lua", "  ended[#ended + 1] = hold\n",
			"  ended[#ended + 1] = hold\n  call('ZREM', pending, hold)\n"}},
		Notice: Suite{Package: "inventory", Tests: []string{"TestScriptsThatFailChangeNothing"}},
	},
	{
		Name:    "a drop takes what was read",
		Promise: "A row is dropped only if its version is still the one that was read.",
		Without: "It is dropped whatever it says now.",
		Edits:   []Edit{{"inventory/lua/drop.lua", "if redis.call('HGET', row, 'v') == ARGV[i] then", "if true then"}},
		Notice:  byScripts,
	},
	{
		Name:    "what is pending for a hold stays pending",
		Promise: "Only units that no pending hold has are freed of what is pending.",
		Without: "All units of a row are freed as soon as it counts one too many.",
		Edits:   []Edit{{"inventory/lua/reclaim.lua", "call('HSET', row, 'p', digits(counted[row]))", "call('HSET', row, 'p', '0')"}},
		Notice:  byScripts,
	},
	{
		Name:    "holds of one millisecond are counted together",
		Promise: "Pending holds that are counted in several runs are all counted.",
		Without: "A run may end between two holds of one score, and the next begins after both.",
		Edits:   []Edit{{"inventory/lua/reclaim.lua", "if budget <= 0 and since ~= last then", "if budget <= 0 then"}},
		Notice:  Suite{Package: "inventory", Tests: []string{"TestReclaimKeepsAMillisecondTogether"}},
	},
	{
		Name:    "a full Redis settles",
		Promise: "A Redis that is full refuses to freeze, and still settles.",
		Without: "It refuses both, and stays full.",
		Edits:   []Edit{{"inventory/lua/settle.lua", "#!lua flags=allow-oom", "#!lua"}},
		Notice:  Suite{Package: "inventory", Tests: []string{"TestFullRedisSettles"}},
	},
	{
		Name:    "pending by the clock of Redis",
		Promise: "How long a hold has been pending is told by Redis's own clock.",
		Without: "It is told by the process's.",
		Edits:   []Edit{{"inventory/pending.go", "now, err := node.Time(ctx).Result()", "now, err := time.Now(), error(nil)"}},
		Notice:  Suite{Package: "inventory", Tests: []string{"TestTheClockIsThatOfRedis"}},
	},
	{
		Name:    "the gate alone never refuses",
		Promise: "What the gate would refuse is looked up in the ledger.",
		Without: "INSUFFICIENT is the answer.",
		Edits: []Edit{{"reservation/try.go", "send(s.freezeLater(ctx, fits))",
			"for _, t := range fits {\n\t\t\tt.answer.Err = insufficient([]inventory.Shortage{{Key: t.op.Lines[0].Key}})\n\t\t}"}},
		Notice: byVerdicts,
	},
	{
		Name:    "a known id is not refused for stock",
		Promise: "An id that the ledger knows is replayed or refused by the state table.",
		Without: "A repeat is refused for the stock that it holds.",
		Edits:   []Edit{{"reservation/try.go", "if found.known[t.op.ID] {", "if false {"}},
		Notice:  byVerdicts,
	},
	{
		Name:    "stock rows before the id",
		Promise: "Before a refusal the stock rows are read first, and the id after.",
		Without: "The id is read first.",
		Edits: []Edit{
			{"reservation/reader.go", "rows, err := r.store.Stocks(ctx, keys)", "found, failed := r.store.Known(ctx, ids)\n\trows, err := r.store.Stocks(ctx, keys)"},
			{"reservation/reader.go", "found, err := r.store.Known(ctx, ids)\n", "err = failed\n"},
		},
		Notice: Suite{Package: "reservation", Tests: []string{"TestStockIsReadBeforeTheID"}},
	},
	{
		Name:    "reads begin after the call",
		Promise: "The reads behind a refusal began after the call did.",
		Without: "Calls that come during a read share its result.",
		Edits: []Edit{{"reservation/reader.go", "\tfor _, l := range lookups {\n\t\tl.stocks, l.known, l.err = stocks, known, err\n",
			"\tif len(r.waiting) > 0 {\n\t\tlookups = append(lookups, r.gather(<-r.waiting)...)\n\t}\n" +
				"\tfor _, l := range lookups {\n\t\tl.stocks, l.known, l.err = stocks, known, err\n"}},
		Notice: Suite{Package: "reservation", Tests: []string{"TestAReadBeginsAfterTheCall"}},
	},
	{
		Name:    "the ledger has the last word",
		Promise: "When the gate says no twice and the ledger has enough, the ledger decides.",
		Without: "The second no is the answer.",
		Edits: []Edit{{"reservation/try.go", "ready = append(append(ready, known...), fits...)",
			"ready = append(ready, known...)\n\t\tfor _, t := range fits {\n\t\t\tt.answer.Err = insufficient([]inventory.Shortage{{Key: t.op.Lines[0].Key}})\n\t\t}"}},
		Notice: byVerdicts,
	},
	{
		Name:    "a gate that is away is passed",
		Promise: "Without a gate the ledger decides alone.",
		Without: "A Try that the gate does not answer fails.",
		Edits: []Edit{{"reservation/try.go", "\t\t\tt.op.Frozen = true // it may have happened: the reply may be what was lost\n\t\t\tready = append(ready, t)\n",
			"\t\t\tt.answer.Err = ErrUnavailable\n"}},
		Notice: byVerdicts,
	},
}
