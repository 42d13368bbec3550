package telemetry

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Build says what the program was made from, as far as the compiler noted it.
type Build struct {
	Version  string `json:"version"`            // the module's version; "(devel)" for a build from a working tree
	Revision string `json:"revision,omitempty"` // the commit
	Time     string `json:"time,omitempty"`     // of the commit, RFC 3339
	Modified bool   `json:"modified"`           // the working tree had changes on top of the commit
	Go       string `json:"go"`                 // the compiler's version
	Platform string `json:"platform"`           // system/architecture
}

// ReadBuild reads it from the running binary.
func ReadBuild() Build {
	info, _ := debug.ReadBuildInfo()
	return buildFrom(info)
}

func buildFrom(info *debug.BuildInfo) Build {
	b := Build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Revision = setting.Value
		case "vcs.time":
			b.Time = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}

// String is one line for people.
func (b Build) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "stockhold %s", b.Version)
	if b.Revision != "" {
		fmt.Fprintf(&s, " (commit %.12s", b.Revision)
		if b.Time != "" {
			fmt.Fprintf(&s, " of %s", b.Time)
		}
		if b.Modified {
			s.WriteString(", changed")
		}
		s.WriteString(")")
	}
	fmt.Fprintf(&s, ", %s, %s", b.Go, b.Platform)
	return s.String()
}
