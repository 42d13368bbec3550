package config

import (
	"reflect"
)

// Change is a setting of which two configurations say different things.
type Change struct {
	Flag     string
	Old, New string // as flags say them; passwords are masked
}

// String is one item of a line in the log.
func (c Change) String() string {
	if c.Old == c.New {
		return c.Flag + " (what is masked of it)"
	}
	return c.Flag + " " + orNothing(c.Old) + " -> " + orNothing(c.New)
}

func orNothing(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// Merge is what a process with this configuration does about another one: it
// takes over what can change while it runs, and keeps the rest. changed is what
// it takes over, waiting what waits for a restart. Both configurations are
// complete; whether the result holds together is for Complete to say, too.
func (c Config) Merge(next Config) (merged Config, changed, waiting []Change) {
	merged = c
	to, from := targets(&merged), targets(&next)
	before, after := c.Values(nil), next.Values(nil)
	for i, setting := range settings() {
		if same(to[i], from[i]) {
			continue
		}
		change := Change{Flag: setting.Flag, Old: before[i].Text(), New: after[i].Text()}
		if !setting.Reloads {
			waiting = append(waiting, change)
			continue
		}
		to[i].Set(from[i])
		changed = append(changed, change)
	}
	return merged, changed, waiting
}

// same compares two values; nothing in a map or a list is as good as none.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Map || a.Kind() == reflect.Slice {
		if a.Len() == 0 && b.Len() == 0 {
			return true
		}
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
