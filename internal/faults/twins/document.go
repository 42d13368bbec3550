package twins

import (
	"fmt"
	"strings"
)

// Document is docs/twins.md.
func Document() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Twins

A twin is this program with one guard taken out. Each of the %d below is built and
tested by `+"`go test -tags faults -timeout 30m -v ./internal/faults/twins`"+`; the suite fails
when a twin passes the tests that must notice it. This page is written by
`+"`go test ./internal/faults/twins -update`"+`, and checked by every `+"`go test ./...`"+`.

| guard | what is promised | what the twin does | who notices |
|---|---|---|---|
`, len(All()))
	for _, t := range All() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.Name, t.Promise, t.Without, t.Notice)
	}
	return b.String()
}

// String names the tests for people.
func (s Suite) String() string {
	return "`" + strings.Join(s.Tests, "`, `") + "` in `" + s.Package + "`"
}
