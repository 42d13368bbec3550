package monitoring

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// selector is a metric that a query names, and what it asks of its labels.
type selector struct {
	name     string
	matchers []matcher
}

type matcher struct{ label, operator, value string }

var (
	queryToken   = regexp.MustCompile(`"[^"]*"|\{[^}]*\}|\[[^]]*\]|[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9.]+[a-z]*|\S`)
	queryMatcher = regexp.MustCompile(`([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	queryWord    = regexp.MustCompile(`^[a-zA-Z_:]`)

	aggregations = []string{"sum", "max", "min", "avg", "count"}
	operators    = []string{"and", "or", "unless", "bool", "offset"}
	groupings    = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
)

// read takes the metrics out of a query, and the labels that it groups by. promtool
// has checked that it is one.
func read(query string) (selectors []selector, labels []string) {
	tokens := queryToken.FindAllString(query, -1)
	for i := 0; i < len(tokens); i++ {
		word := tokens[i]
		next := ""
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		switch {
		case !queryWord.MatchString(word), slices.Contains(aggregations, word), slices.Contains(operators, word):
		case slices.Contains(groupings, word):
			for i++; tokens[i] != ")"; i++ {
				if queryWord.MatchString(tokens[i]) {
					labels = append(labels, tokens[i])
				}
			}
		case next == "(": // a function
		default:
			s := selector{name: word}
			if next != "" && next[0] == '{' {
				for _, m := range queryMatcher.FindAllStringSubmatch(next, -1) {
					s.matchers = append(s.matchers, matcher{m[1], m[2], m[3]})
				}
			}
			selectors = append(selectors, s)
		}
	}
	return selectors, labels
}

func TestRead(t *testing.T) {
	selectors, labels := read(`sum by (job, rpc) (rate(a_total{x="1",y!~"b|c"}[5m])) / 1e3 > 0.5 and on (job) histogram_quantile(0.9, sum by (le) (b_bucket)) or c offset 5m`)
	require.Equal(t, []selector{{name: "a_total", matchers: []matcher{{"x", "=", "1"}, {"y", "!~", "b|c"}}}, {name: "b_bucket"}, {name: "c"}}, selectors)
	require.Equal(t, []string{"job", "rpc", "job", "le"}, labels)
}

// requireExported fails where a query names a series that the program does not have,
// or groups by a label that none of its series has.
func requireExported(t *testing.T, p page, query string) {
	t.Helper()
	selectors, labels := read(query)
	require.NotEmpty(t, selectors, query)
	known := map[string]bool{"job": true, "instance": true}
	for _, s := range selectors {
		found := p.matching(s)
		require.NotEmpty(t, found, "%s\nnames %s, which the program does not export with %v", query, s.name, s.matchers)
		for _, series := range found {
			for label := range series {
				known[label] = true
			}
		}
	}
	for _, label := range labels {
		require.True(t, known[label], "%s\ngroups by %s, which its series do not have", query, label)
	}
}
