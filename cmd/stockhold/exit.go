package main

import (
	"errors"
	"fmt"
	"strings"

	"stockhold/internal/client"
	"stockhold/internal/config"
	"stockhold/reservation"
)

// Exit codes. A second signal while the first is being obeyed ends the process
// at once, with the code that the system gives to one killed by that signal.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnavailable = 4
	exitDenied      = 5
)

// exits is the table of the help; docs/operations.md has it, too.
var exits = []struct {
	code  int
	means string
}{
	{exitOK, "done"},
	{exitFailed, "tried and failed, or done in part: standard error says what"},
	{exitUsage, "used wrongly, nothing was done: a flag, a variable, a file, a server whose certificate is not trusted, or a field that it does not take"},
	{exitRefused, "the server refused: not enough stock, no such reservation, already confirmed and the like; repeating does not help"},
	{exitUnavailable, "no answer, or not now: try again with the same ids, it may have happened"},
	{exitDenied, "the server does not let you: who you are, or what you may"},
}

func exitHelp() string {
	lines := make([]string, len(exits))
	for i, e := range exits {
		lines[i] = fmt.Sprintf("  %d  %s", e.code, e.means)
	}
	return "Exit codes:\n\n" + strings.Join(lines, "\n")
}

// exitOf is the code of an error. One that a command marked itself goes first.
func exitOf(err error) int {
	var failure *client.Failure
	var refusal *reservation.Refusal // of a command that works on the stores themselves
	switch {
	case errors.Is(err, errUsage), errors.Is(err, config.ErrExposed):
		return exitUsage
	case errors.Is(err, errDoneInPart):
		return exitFailed
	case errors.As(err, &failure):
		return exitOfCall(failure.Kind)
	case errors.As(err, &refusal) && refusal.Reason == reservation.Invalid:
		return exitUsage
	case errors.As(err, &refusal) && refusal.RetryAfter == 0:
		return exitRefused
	case refusal != nil, errors.Is(err, reservation.ErrUnavailable):
		return exitUnavailable
	default:
		return exitFailed
	}
}

func exitOfCall(kind client.Kind) int {
	switch kind {
	case client.Unusable:
		return exitUsage
	case client.Refused:
		return exitRefused
	case client.Unavailable:
		return exitUnavailable
	case client.Denied:
		return exitDenied
	default:
		return exitFailed
	}
}

var (
	// errUsage marks a command that was called wrongly in a way that the parser does
	// not see.
	errUsage = errors.New("wrong usage")
	// errDoneInPart marks a command that was stopped half-way, or did some of its work.
	errDoneInPart = errors.New("not all was done")
)
