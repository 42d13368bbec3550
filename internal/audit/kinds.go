package audit

// Kind is one way in which what was read can differ from what it should be. The
// names are for machines, too: they do not change.
type Kind string

// The kinds, in the order of the report.
const (
	Reserved               Kind = "reserved"
	Committed              Kind = "committed"
	LineWithoutStock       Kind = "line_without_stock"
	LineWithoutReservation Kind = "line_without_reservation"
	LineCount              Kind = "line_count"
	LinesChanged           Kind = "lines_changed"
	NoLines                Kind = "no_lines"
	UnknownState           Kind = "unknown_state"
	LinesBySKU             Kind = "lines_by_sku"

	GateAhead    Kind = "gate_ahead"
	GateBehind   Kind = "gate_behind"
	GateQuota    Kind = "gate_quota"
	GateUnknown  Kind = "gate_unknown"
	GatePending  Kind = "gate_pending"
	GateStranger Kind = "gate_stranger"

	OnHandBelowZero    Kind = "on_hand_below_zero"
	AvailableBelowZero Kind = "available_below_zero"
)

// Level is what a kind means for whom it may concern.
type Level string

// The levels.
const (
	Contradiction Level = "contradiction" // the ledger contradicts itself
	GateDiffers   Level = "gate"          // the gate differs from the ledger: speed and sales, never stock
	Note          Level = "note"          // worth a look, and as it may be
)

// text is what a report says about a kind.
type text struct {
	kind    Kind
	level   Level
	meaning string
	remedy  string
}

const (
	correct = "Stop every stockhold, find out what wrote around it or which backup came back in part, correct the row " +
		"(stock rows: add 1 to version, so that the gate takes the new figures), and audit again."
	selfHeals = "Nothing, if a sweeper runs: it repairs this within minutes. To have it now: stockhold sweep --once, or delete " +
		"stockhold's keys in Redis, which is safe at any time."
)

var texts = []text{
	{Reserved, Contradiction, "The row's reserved is not the sum of its RESERVED lines: units are frozen by nobody, or held and on sale.",
		"Expected is what the lines add up to. " + correct},
	{Committed, Contradiction, "The row's committed is not the sum of its CONFIRMED lines: units are promised to nobody, or promised and on sale.",
		"Expected is what the lines add up to. " + correct},
	{LineWithoutStock, Contradiction, "A line names a stock row that is not there. Stock rows are never deleted.",
		"Put the stock row back, with what its lines add up to. " + correct},
	{LineWithoutReservation, Contradiction, "There are lines without their reservation. Both are written, and deleted, in one transaction.",
		"Put the reservation back, or delete the lines. " + correct},
	{LineCount, Contradiction, "A reservation has more or fewer lines than it was made with. Lines never change.",
		"Put the missing lines back, or delete the added ones. " + correct},
	{LinesChanged, Contradiction, "A reservation's lines are not the ones that it was made with: their fingerprint differs.",
		"Somebody changed sku, location or quantity of a line. " + correct},
	{NoLines, Contradiction, "A reservation without lines that is not a tombstone: only a Cancel that came before its Try leaves no lines.",
		"Put the lines back, or delete the reservation. " + correct},
	{UnknownState, Contradiction, "A reservation is in a state that this program does not know.",
		"Was the ledger used by a newer stockhold? Audit with that one. " + correct},
	{LinesBySKU, Contradiction, "The index by sku does not hold the same lines as the table: an index is damaged, or a sku or location holds bytes that no call accepts.",
		"Check the table for damage and rebuild its indexes (MySQL: CHECK TABLE, OPTIMIZE TABLE; SQLite: PRAGMA integrity_check, REINDEX), and audit again: until then the sums above may be wrong."},

	{GateAhead, GateDiffers, "The gate knows a later version of a row than the ledger: the ledger lost commits in a failover, or was restored.",
		selfHeals + " If nobody restored the ledger, find out what it lost: calls that were answered OK are among it."},
	{GateBehind, GateDiffers, "The gate did not hear of a version that the ledger had for a while: calls may wait, or be let through to be refused.",
		selfHeals},
	{GateQuota, GateDiffers, "The gate has the ledger's version of a row, and another quota: the ledger was restored and went on, or somebody wrote around stockhold.",
		selfHeals},
	{GateUnknown, GateDiffers, "The gate has a row that the ledger does not: the ledger was restored, or two installations share a prefix.",
		selfHeals + " Give every installation on one Redis a prefix of its own."},
	{GatePending, GateDiffers, "A hold is pending in the gate for longer than any call takes: its units may look sold when they are not.",
		"Does a sweeper run? It settles these. If it does, its log says why it cannot."},
	{GateStranger, GateDiffers, "Among the pending holds there is something that no stockhold wrote.",
		"Find out who else writes under this prefix, and delete the entry."},

	{OnHandBelowZero, Note, "More units were shipped than were counted. A Fulfill is never refused, so the count is wrong.",
		"Count again, and SetStock."},
	{AvailableBelowZero, Note, "More units are held and promised than are there, after a recount: nothing is released, and nothing is sold until there is enough.",
		"Restock, or cancel what cannot be delivered."},
}
