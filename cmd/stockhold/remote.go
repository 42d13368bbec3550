package main

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"stockhold/internal/client"
	"stockhold/internal/display"
	"stockhold/internal/telemetry"
)

// output is how a command that calls a server shows the answer.
type output struct {
	Output string `short:"o" default:"table" enum:"table,json" placeholder:"FORMAT" help:"table, for people, or json, for programs: one document; of a list one a line."`
}

func (o output) json() bool { return o.Output == "json" }

// one prints one answer: as a document, or as the table that is given.
func (o output) one(w io.Writer, answer proto.Message, table func() error) error {
	if o.json() {
		return display.Document(w, answer)
	}
	return table()
}

// calling connects to the configured server for as long as a command's work takes.
// It makes of what the calls return what the exit code is read from.
func calling(env *environment, work func(*client.Client) error) error {
	c, err := client.New(env.cfg.Client.Options(telemetry.ReadBuild().Version))
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	defer c.Close()
	err = work(c)
	var failure *client.Failure
	if errors.As(err, &failure) && failure.Kind == client.Unavailable && failure.Refusal == nil {
		return fmt.Errorf("%s: %w", c.Server(), err)
	}
	return err
}

// list prints items page by page: each as a line of JSON as it comes, or all of them
// as a table at the end. limit 0 is all. next reads a page.
func list[Item proto.Message](
	o output, w io.Writer, limit int, table *display.Table, row func(Item), next func(token string) (items []Item, more string, err error),
) error {
	shown := 0
	for token := ""; ; {
		items, more, err := next(token)
		if err != nil {
			if shown > 0 {
				err = errors.Join(err, printTable(o, w, table))
			}
			return err
		}
		for _, item := range items {
			if limit > 0 && shown == limit {
				return printTable(o, w, table)
			}
			shown++
			if !o.json() {
				row(item)
			} else if err := display.Line(w, item); err != nil {
				return err
			}
		}
		if token = more; token == "" {
			return printTable(o, w, table)
		}
	}
}

func printTable(o output, w io.Writer, table *display.Table) error {
	if o.json() {
		return nil
	}
	return table.Print(w)
}

// again is the advice to run a command of many calls once more, where that can help:
// a server that does not let this caller in, or does not take what it is sent, will not.
func again(err error, harmless string) string {
	if code := exitOf(err); code == exitDenied || code == exitUsage {
		return ""
	}
	return "\n  Run the same command again later: " + harmless
}
