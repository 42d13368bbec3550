package twins

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Twin is the program without one of its guards.
type Twin struct {
	Name    string // the guard, in few words
	Promise string // what does not hold without it
	Without string // what is taken out, or done instead
	Edits   []Edit // a guard that is doubled on purpose is taken out at every place
	Notice  Suite  // who must notice
}

// Edit changes one place of one file.
type Edit struct {
	File string // its path from the root, with slashes
	Old  string // occurs exactly once in the file
	New  string
}

// Suite is a part of the tests of one package.
type Suite struct {
	Package string   // its folder, from the root
	Tests   []string // names of test functions, each of which may notice
	Part    string   // the subtests that are enough, as -test.run takes them; empty: all
	Args    []string // more arguments of the test binary
}

// Pattern is what -test.run takes.
func (s Suite) Pattern() string {
	pattern := "^(" + strings.Join(s.Tests, "|") + ")$"
	if s.Part != "" {
		pattern += "/" + s.Part
	}
	return pattern
}

// All lists the twins, in the order of the documents.
func All() []Twin {
	return slices.Concat(table, ledger, locks, gate, sweeping, keeping, callers, crowds)
}

// Files returns the changed files by their paths from the root. It fails when the
// twin no longer fits the code.
func (t Twin) Files(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, edit := range t.Edits {
		text, changed := files[edit.File]
		if !changed {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, filepath.FromSlash(edit.File))); err != nil {
				return nil, fmt.Errorf("twin %q: %w", t.Name, err)
			}
		}
		if n := bytes.Count(text, []byte(edit.Old)); n != 1 {
			return nil, fmt.Errorf("twin %q: %s has this %d times instead of once:\n%s", t.Name, edit.File, n, edit.Old)
		}
		if edit.Old == edit.New {
			return nil, fmt.Errorf("twin %q: changes nothing in %s", t.Name, edit.File)
		}
		files[edit.File] = bytes.Replace(text, []byte(edit.Old), []byte(edit.New), 1)
	}
	return files, nil
}
