// Package bench measures stockhold against what a team would otherwise build, in
// one run on one machine, and says what came of it.
//
// A run starts throw-away stores, builds the stockhold that is shipped, and goes
// through groups of cells. A cell is one system under one load. The systems of a
// group (stockhold and the peers) are up at the same time, each a process of its
// own; round by round each cell is measured once, there and back, so that what
// changes slowly on the machine falls on all of them alike. The client is this
// process, the same for all.
//
// After every cell the rows in the system's tables are counted behind its back
// and compared with what its answers said: a figure counts only what was accepted
// and is there. A difference fails the run.
//
//	load      closed and open loops, latencies
//	workload  what callers ask for
//	peers     what a team would otherwise build
//	stage     stores, processes, and the books behind them
//	sweeping  the sweeper
//	limits    the stores alone
//	report    ratios, goals, the files
//	chart     pictures
//	proc      CPU, memory, the machine
package bench
