// Package crashpoint names the places where a test may end or halt the program:
// after a freeze, between a transaction's statements and its COMMIT, and so on.
// Only binaries built with the tag `faults` can be ended so; in every other one
// Reach is empty and costs nothing.
//
// The environment of such a binary names a file, CRASHPOINT_FILE. While that
// file says
//
//	try.frozen kill
//
// the process that reaches the point try.frozen removes the file, so that a test
// can see that it got there, and kills itself with SIGKILL. The actions are
//
//	kill [pause]   SIGKILL, after a pause in which other goroutines go on: an
//	               answer that was made can leave
//	stop           SIGSTOP: the process halts there until somebody sends SIGCONT
//
// The points are in the code where they are reached:
//
//	try.received    a Try, a Confirm or a Cancel has arrived
//	confirm.received
//	cancel.received
//	try.frozen      the gate has frozen the lines
//	X.sent          a batch with such a call has sent its statements, COMMIT not yet
//	X.committed     the reply to COMMIT has come, nobody was answered yet
//	X.answered      the answers were given, the gate not told yet
//	settled         the gate took a settlement
//	sweep.claimed   a page of holds to ask about is leased
//	sweep.asking    an owner is about to be asked
//	sweep.heard     an owner has answered, nothing was done about it
//
// where X is try, confirm, cancel, or sweep for what the sweeper does.
package crashpoint
