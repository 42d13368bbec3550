package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/client"
	"stockhold/internal/display"
	"stockhold/internal/recount"
)

type stockImport struct {
	File      string `arg:"" help:"The file; - reads standard input."`
	DryRun    bool   `help:"Set nothing: check the file, read the server, and tell what would be set."`
	Parallel  int    `default:"64" help:"Rows that are dealt with at once."`
	Failures  string `placeholder:"FILE" help:"Where to write the rows that the server refused, with the reason of each. It can be mended and imported like the first. Default: the first of them on standard error."`
	Reason    string `default:"stockhold stock import" help:"Why: kept with each change."`
	Reference string `help:"What it belongs to: kept with each change. Default: the file's name."`
	output    `embed:""`
}

func (stockImport) Help() string {
	return `The file has comma-separated columns below a heading: sku and on_hand, and location_id where there is more than one location. All of it is checked before anything is sent; what is wrong is told by line.

Each row is read from the server and set if it differs, many at once. So it can be repeated: after a stop the same command goes on where it was, and a file that is in force already changes nothing. A row that the server refuses does not stop the others (exit code 3); a server that does not answer for longer than --timeout does (exit code 4).

Stock that moves meanwhile is not known to the file: units that are shipped between the count and the import come back with it.

Examples:

    stockhold stock import stock.csv --dry-run
    zcat stock.csv.gz | stockhold stock import - --failures refused.csv`
}

func (c stockImport) Run(ctx context.Context, env *environment) error {
	if c.Parallel < 1 || c.Parallel > 1000 {
		return fmt.Errorf("%w: --parallel is %d, must be 1 to 1000", errUsage, c.Parallel)
	}
	rows, err := c.read()
	if err != nil {
		return err
	}
	return calling(env, func(server *client.Client) error {
		if err := reach(ctx, env, server, rows[0]); err != nil {
			return err
		}
		report, err := c.run(ctx, env, server, rows)
		return errors.Join(c.outcome(report, err), c.print(env.out, report))
	})
}

func (c stockImport) read() ([]recount.Row, error) {
	source := io.Reader(os.Stdin)
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		defer file.Close()
		source = file
	}
	rows, err := recount.Read(source)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: nothing was sent\n  %w", errUsage, c.File, err)
	}
	return rows, nil
}

// reach sees that there is a server before anything is repeated in the hope of one.
func reach(ctx context.Context, env *environment, server *client.Client, row recount.Row) error {
	ctx, cancel := context.WithTimeout(ctx, env.cfg.Client.Timeout)
	defer cancel()
	_, err := server.Inventory.GetStock(ctx, &stockholdv1.GetStockRequest{Sku: row.SKU, LocationId: row.Location})
	var failure *client.Failure
	if errors.As(client.Explain(err), &failure) && failure.Kind == client.Unavailable && failure.Refusal == nil {
		return failure
	}
	return nil
}

func (c stockImport) run(ctx context.Context, env *environment, server *client.Client, rows []recount.Row) (recount.Report, error) {
	step := "import"
	if c.DryRun {
		step = "compare"
	}
	progress := display.NewProgress(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), step, "rows", len(rows))
	defer progress.End()
	reference := c.Reference
	if reference == "" && c.File != "-" {
		reference = filepath.Base(c.File)
	}
	return recount.Run(ctx, server.Inventory, rows, recount.Options{
		Parallel: c.Parallel, Patience: env.cfg.Client.Timeout, DryRun: c.DryRun,
		Reason: c.Reason, Reference: reference, Progress: progress.Add,
	})
}

// outcome is the error of a run that did not do everything: why it stopped, and else
// what was refused.
func (c stockImport) outcome(report recount.Report, stopped error) error {
	failures := c.writeFailures(report)
	switch {
	case errors.Is(stopped, context.Canceled):
		return errors.Join(fmt.Errorf("%w: interrupted; run the same command again: rows that are right already are only read", errDoneInPart), failures)
	case stopped != nil:
		return errors.Join(fmt.Errorf("stopped: %w%s", stopped, again(stopped, "rows that are right already are only read")), failures)
	case report.Failed > 0:
		return errors.Join(&client.Failure{Kind: client.Refused, Message: fmt.Sprintf("%d rows were refused", report.Failed)}, failures)
	}
	return failures
}

// maxTold is how many refused rows are told one by one.
const maxTold = 20

func (c stockImport) writeFailures(report recount.Report) error {
	if len(report.Failures) == 0 {
		return nil
	}
	if c.Failures == "" {
		for _, f := range report.Failures[:min(len(report.Failures), maxTold)] {
			fmt.Fprintf(os.Stderr, "line %d, %s: %s: %s\n", f.Line, f.Key, f.Reason, display.Plain(f.Message))
		}
		if more := len(report.Failures) - maxTold; more > 0 {
			fmt.Fprintf(os.Stderr, "and %d more: --failures FILE lists them all\n", more)
		}
		return nil
	}
	file, err := os.Create(c.Failures)
	if err != nil {
		return fmt.Errorf("write the rows that failed: %w", err)
	}
	return errors.Join(report.WriteFailures(file), file.Close())
}

func (c stockImport) print(w io.Writer, report recount.Report) error {
	if c.json() {
		return json.NewEncoder(w).Encode(report)
	}
	_, err := fmt.Fprintln(w, report)
	return err
}
