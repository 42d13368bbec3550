package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"
)

// patience bounds the search for an order of one part of a history. They are
// made so small that seconds are plenty, unless the machine has other work.
const patience = 3 * time.Minute

// Check looks for an order of events that explains a history: of each
// reservation by the state table, and of each shelf with its counters. If there
// is none, the error says where, and a folder is kept to look at.
func (h History) Check() error { return h.judge(keep) }

// judge leaves what nothing explains to somebody, who says where it is.
func (h History) judge(leave func(History, porcupine.Model) (string, error)) error {
	words := map[Key]Word{}
	for _, w := range h.Words {
		words[w.Key] = w.Word
	}
	return errors.Join(
		h.parts("reservation", byReservation(words), leave, func(c Call) (Key, bool) { return c.Key(), !c.Kind.ofStock() }),
		h.parts("shelf", byShelf(words), leave, func(c Call) (Key, bool) { return Key{Shelf: c.Shelf}, true }),
	)
}

// parts judges the parts of a history that a key tells apart.
func (h History) parts(
	what string, model porcupine.Model, leave func(History, porcupine.Model) (string, error), key func(Call) (Key, bool),
) error {
	parts := map[Key][]Operation{}
	for _, op := range h.Operations {
		if k, ok := key(op.Call); ok {
			parts[k] = append(parts[k], op)
		}
	}
	var group errgroup.Group
	group.SetLimit(2)
	for k, part := range parts {
		group.Go(func() error {
			switch porcupine.CheckOperationsTimeout(model, events(part), patience) {
			case porcupine.Ok:
				return nil
			case porcupine.Unknown:
				return fmt.Errorf("the %d calls on %s %v are too many to judge within %s, %d of them open: make shelves shorter-lived or calls rarer",
					len(part), what, k, patience, open(part))
			}
			where, err := leave(History{Run: h.Run, Operations: part, Words: h.Words}, model)
			return errors.Join(fmt.Errorf("no order of events explains what was heard about %s %v of run %s: see %s", what, k, h.Run, where), err)
		})
	}
	return group.Wait()
}

// events are operations as porcupine takes them.
func events(part []Operation) []porcupine.Operation {
	ops := make([]porcupine.Operation, len(part))
	for i, op := range part {
		e := event{Call: op.Call, Called: op.Called, Until: op.Returned}
		if op.Answer.Open && !op.Echo {
			e.Until = never
		}
		ops[i] = porcupine.Operation{ClientId: op.Client, Input: e, Output: op.Answer, Call: int64(op.Called), Return: int64(op.Returned)}
	}
	return ops
}

func open(part []Operation) (n int) {
	for _, op := range part {
		if op.Answer.Open {
			n++
		}
	}
	return n
}

// keep writes a history that nothing explains, and how far a search gets.
func keep(h History, model porcupine.Model) (string, error) {
	folder, err := os.MkdirTemp("", "stockhold-history-")
	if err != nil {
		return "nowhere", err
	}
	_, info := porcupine.CheckOperationsVerbose(model, events(h.Operations), patience)
	return folder, errors.Join(h.Write(filepath.Join(folder, "history.jsonl")), porcupine.VisualizePath(model, info, filepath.Join(folder, "history.html")))
}

// Write writes a history to a file: what it is about in one line of JSON, then
// each operation in one.
func (h History) Write(path string) error {
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	about := h
	about.Operations = nil
	if err := lines.Encode(about); err != nil {
		return err
	}
	for _, op := range h.Operations {
		if err := lines.Encode(op); err != nil {
			return err
		}
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

// ReadHistory reads what Write wrote.
func ReadHistory(path string) (h History, err error) {
	file, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer file.Close()
	lines := json.NewDecoder(file)
	if err := lines.Decode(&h); err != nil {
		return h, fmt.Errorf("read %s: %w", path, err)
	}
	for {
		var op Operation
		switch err := lines.Decode(&op); {
		case errors.Is(err, io.EOF):
			return h, nil
		case err != nil:
			return h, fmt.Errorf("read operation %d of %s: %w", len(h.Operations), path, err)
		}
		h.Operations = append(h.Operations, op)
	}
}

// Echoed adds the echoes: calls that were under way when a process lost the reply
// to a COMMIT, at one of these moments, may have happened before that too.
func (h History) Echoed(lost []time.Duration) History {
	echoes := slices.Clone(h.Operations)
	for _, op := range h.Operations {
		if op.Answer.Open || op.Call.Kind.reads() {
			continue
		}
		if slices.ContainsFunc(lost, func(at time.Duration) bool { return op.Called <= at+slack && at <= op.Returned+slack }) {
			op.Answer, op.Echo = Answer{Open: true}, true
			echoes = append(echoes, op)
		}
	}
	h.Operations = echoes
	return h
}
