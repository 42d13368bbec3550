//go:build faults

package crash

import "slices"

// work is what a process is at when it dies.
type work string

const (
	try       work = "try"
	confirm   work = "confirm"
	cancel    work = "cancel"
	checkBack work = "sweep"  // a sweeper that asks the owner
	policy    work = "policy" // a sweeper that releases what is due
)

// point is where it dies.
type point struct {
	work work
	step string
}

var points = slices.Concat(
	steps(try, "received", "frozen", "sent", "committed", "answered", "settled"),
	steps(confirm, "received", "sent", "committed", "answered", "settled"),
	steps(cancel, "received", "sent", "committed", "answered", "settled"),
	steps(checkBack, "claimed", "asking", "asked", "heard", "sent", "committed", "answered", "settled"),
	steps(policy, "sent", "committed", "settled"),
)

func steps(w work, names ...string) (all []point) {
	for _, name := range names {
		all = append(all, point{w, name})
	}
	return all
}

func (p point) String() string { return string(p.work) + "." + p.step }

// armed is the point's name in the program.
func (p point) armed() string {
	switch {
	case p.step == "settled":
		return p.step
	case p.work == policy:
		return "sweep." + p.step
	default:
		return p.String()
	}
}

func (p point) sweeps() bool { return p.work == checkBack || p.work == policy }

// committed: the ledger has what was asked for.
func (p point) committed() bool {
	return slices.Contains([]string{"committed", "answered", "settled"}, p.step)
}

// told: the caller has its answer.
func (p point) told() bool {
	return !p.sweeps() && slices.Contains([]string{"answered", "settled"}, p.step)
}

// locks: its transaction is open, and holds rows that others wait for.
func (p point) locks() bool { return p.step == "sent" }

// early: reached without asking the ledger anything.
func (p point) early() bool { return p.step == "received" || p.step == "frozen" }

// condition is what else is wrong when the process dies.
type condition string

const (
	alone     condition = "alone"
	redisDown condition = "redis down"
	mysqlDown condition = "mysql down"
	duplicate condition = "duplicate"
	asItDies  condition = "duplicate as it dies"
	lateCall  condition = "late call"
)

var conditions = []condition{alone, redisDown, mysqlDown, duplicate, asItDies, lateCall}
