package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// Fault is one thing that befalls the site: when, for how long, whom, what.
type Fault struct {
	At     time.Duration
	For    time.Duration
	Kind   string
	Target Target
	Point  string // the crash point of an ambush
	Count  int    // replies to lose, keys to delete
}

// Target is whom a fault befalls. Two faults at once have two targets.
type Target string

// The targets that there is one of; servers are "server 0" and so on.
const (
	theGate     Target = "Redis"
	theLedger   Target = "MariaDB"
	gateLink    Target = "the way to Redis"
	ledgerLink  Target = "the way to MariaDB"
	deciderLink Target = "the way to the decider"
	theSweeper  Target = "the sweep command"
)

// servers is how many processes serve.
const servers = 3

func server(i int) Target { return Target(fmt.Sprintf("server %d", i)) }

// kind is a sort of fault: how often it is drawn, and how long it lasts.
type kind struct {
	name   string
	weight int
	least  time.Duration
	most   time.Duration
	target func(*rand.Rand) Target
}

func one(t Target) func(*rand.Rand) Target { return func(*rand.Rand) Target { return t } }

func anyServer(random *rand.Rand) Target { return server(random.IntN(servers)) }

// anyLink is one of the ways between two parts; callers reach servers over theirs.
func anyLink(random *rand.Rand) Target {
	return []Target{gateLink, ledgerLink, deciderLink, anyServer(random)}[random.IntN(4)]
}

const ms = time.Millisecond

// kinds are all sorts of faults.
var kinds = []kind{
	{"killed", 4, 0, 0, anyServer},
	{"killed at a crash point", 6, 500 * ms, 1500 * ms, anyServer},
	{"halted", 4, 200 * ms, 5000 * ms, anyServer},
	{"killed", 2, 0, 0, one(theSweeper)},
	{"killed and restarted empty", 3, 50 * ms, 2000 * ms, one(theGate)},
	{"wiped", 4, 0, 0, one(theGate)},
	{"keys deleted", 4, 0, 0, one(theGate)},
	{"halted", 2, 200 * ms, 3000 * ms, one(theGate)},
	{"clients killed", 2, 0, 0, one(theGate)},
	{"killed and restarted", 3, 50 * ms, 2000 * ms, one(theLedger)},
	{"halted", 2, 200 * ms, 3000 * ms, one(theLedger)},
	{"sessions killed", 3, 0, 0, one(theLedger)},
	{"slow", 4, 500 * ms, 3000 * ms, anyLink},
	{"cut", 4, 0, 0, anyLink},
	{"reset", 4, 100 * ms, 3000 * ms, anyLink},
	{"silent", 4, 100 * ms, 3000 * ms, anyLink},
	{"half open", 3, 0, 0, anyLink},
	{"replies lost", 6, 100 * ms, 1500 * ms, anyLink},
	{"replies of COMMIT lost", 5, 100 * ms, 1500 * ms, one(ledgerLink)},
	{"COMMITs held up", 5, 100 * ms, 5000 * ms, one(ledgerLink)},
	{"COMMITs stopped", 5, 50 * ms, 1000 * ms, one(ledgerLink)},
	{"refused", 3, 500 * ms, 5000 * ms, one(deciderLink)},
}

// crashpoints are where an ambush kills.
var crashpoints = []string{
	"try.received", "try.frozen", "try.sent", "try.committed", "try.answered", "settled",
	"confirm.received", "confirm.sent", "confirm.committed", "confirm.answered",
	"cancel.received", "cancel.sent", "cancel.committed", "cancel.answered",
	"sweep.claimed", "sweep.asking", "sweep.heard", "sweep.sent", "sweep.committed", "sweep.answered",
}

// warmUp is a calm at the beginning, in which the shop gets going.
const warmUp = 2 * time.Second

// Schedule draws the faults of a soak: alone or two at once, with calm between
// them. It depends on the seed and the length alone, and a longer soak begins with
// the faults of a shorter one.
func Schedule(seed uint64, length time.Duration) (faults []Fault) {
	random := rand.New(rand.NewPCG(seed, 0))
	for at := warmUp; ; {
		first := draw(random, at)
		spell := []Fault{first}
		if random.IntN(10) < 3 {
			second := draw(random, at+between(random, 0, first.For+50*ms))
			if second.Target != first.Target {
				spell = append(spell, second)
			}
		}
		for _, f := range spell {
			at = max(at, f.At+f.For)
		}
		if at > length {
			return faults
		}
		faults = append(faults, spell...)
		at += between(random, 200*ms, 2000*ms)
	}
}

func draw(random *rand.Rand, at time.Duration) Fault {
	k := pick(random)
	f := Fault{At: at, For: between(random, k.least, k.most), Kind: k.name, Target: k.target(random)}
	switch k.name {
	case "killed at a crash point":
		f.Point = crashpoints[random.IntN(len(crashpoints))]
	case "keys deleted", "replies lost", "replies of COMMIT lost", "COMMITs held up", "COMMITs stopped":
		f.Count = 1 + random.IntN(5)
	}
	return f
}

func pick(random *rand.Rand) kind {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := random.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	panic("the weights do not add up")
}

// between draws a length in whole milliseconds.
func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64((most-least)/ms)+1))*ms
}

// String says a fault in words.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Target, f.Kind)
	if f.Point != "" {
		fmt.Fprintf(&b, ", %s", f.Point)
	}
	if f.Count > 0 {
		fmt.Fprintf(&b, ", %d", f.Count)
	}
	if f.For > 0 {
		fmt.Fprintf(&b, ", for %s", f.For)
	}
	return b.String()
}

// Sort names what sort of fault it is, whichever server it befalls.
func (f Fault) Sort() string {
	if strings.HasPrefix(string(f.Target), "server ") {
		return "a server: " + f.Kind
	}
	return string(f.Target) + ": " + f.Kind
}

// Print lists a schedule.
func Print(w io.Writer, faults []Fault) error {
	for _, f := range faults {
		if _, err := fmt.Fprintf(w, "%8.3fs  %s\n", f.At.Seconds(), f); err != nil {
			return err
		}
	}
	return nil
}
