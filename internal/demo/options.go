package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"stockhold/internal/audit"
)

// Options shape a demonstration. Start from [Defaults].
type Options struct {
	// Start starts a stockhold whose sweeper asks the decider's URL about holds of
	// the owner. Run stops it.
	Start func(ctx context.Context, owner, decider string) (*Stockhold, error)

	Orders  string        // a file that package orders can read; empty: a mix is made up
	Limit   int           // how many sales; 0: all of the file, or 2,000 of the mix
	Seed    uint64        // of the mix, and of what becomes of each order
	Workers int           // orders that are served at once; default 64
	TTL     time.Duration // how long an order's stock is held before the sweeper asks; default 2 s, at least 1 s

	Unpaid Share // of the orders: payment fails; default 10 %
	Lose   Share // of the Confirms and Cancels: never delivered. Of all answers, half as many are lost besides; default 10 %
	Twice  Share // of the messages: delivered twice, at once or later; default 5 %
	Late   Share // of the orders: something comes too late or out of order; default 5 %
	Short  Share // of the orders: opening stock is set so that about as many find too little; default 5 %

	Patience time.Duration // how long one call is repeated, and how long the sweeper may take in the end; default 60 s
	Progress io.Writer     // where progress is shown; nil: nowhere
	Terminal bool          // Progress is a terminal: show a bar
	Logger   *slog.Logger  // default slog.Default()
}

// Defaults are the options of a demonstration that nobody shaped, without Start.
func Defaults() Options {
	return Options{
		Seed: 1, Workers: 64, TTL: 2 * time.Second, Patience: time.Minute,
		Unpaid: 0.10, Lose: 0.10, Twice: 0.05, Late: 0.05, Short: 0.05,
	}
}

// Stockhold is the service that the demonstration calls.
type Stockhold struct {
	URL    string                                      // http://127.0.0.1:port
	Stores string                                      // what it keeps things in, for people
	Audit  func(context.Context) (audit.Report, error) // judges ledger and gate
	Failed <-chan error                                // a part of it ended by itself; may be nil
	Stop   func() error
}

// ErrOptions: the options make no sense, and nothing was begun.
var ErrOptions = errors.New("the demonstration's options")

func (o Options) check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.Start == nil {
		fault("nothing starts stockhold")
	}
	if o.Limit < 0 {
		fault("limit is %d, must not be negative", o.Limit)
	}
	if o.Workers < 1 || o.Workers > 1000 {
		fault("workers is %d, must be 1 to 1000", o.Workers)
	}
	if o.TTL < time.Second || o.TTL > time.Minute {
		fault("ttl is %s, must be 1s to 1m", o.TTL)
	}
	if o.Patience < time.Second {
		fault("patience is %s, must be at least 1s", o.Patience)
	}
	for _, share := range []struct {
		name  string
		value Share
	}{{"unpaid", o.Unpaid}, {"lose", o.Lose}, {"twice", o.Twice}, {"late", o.Late}, {"short", o.Short}} {
		if !(share.value >= 0 && share.value <= 1) {
			fault("%s is %s, must be 0%% to 100%%", share.name, share.value)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return nil
}

// Share is a part of something: 0.1 is a tenth.
type Share float64

// UnmarshalText reads 10% or 0.1.
func (s *Share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		value /= 100
	}
	if err != nil || !(value >= 0 && value <= 1) {
		return fmt.Errorf("want a share of 0%% to 100%%, such as 10%% or 0.1, got %q", text)
	}
	*s = Share(value)
	return nil
}

// String writes it in percent.
func (s Share) String() string { return strconv.FormatFloat(float64(s)*100, 'f', -1, 64) + "%" }
