package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// profiler is a file that a build for profiles has and the product has not.
const profiler = `package main

import (
	"log/slog"
	"net/http"
	_ "net/http/pprof"
	"os"
	"time"
)

func init() {
	address := os.Getenv("BENCH_PROFILE_LISTEN")
	if address == "" {
		return
	}
	server := &http.Server{Addr: address, ReadHeaderTimeout: 5 * time.Second}
	go func() { slog.Error("profiles", "error", server.ListenAndServe()) }()
}
`

// build compiles stockhold as it is shipped, or with the profiler laid over it.
func build(ctx context.Context, folder string, profile bool) (binary string, err error) {
	root, err := Root(ctx)
	if err != nil {
		return "", err
	}
	binary = filepath.Join(folder, "stockhold")
	args := []string{"build", "-trimpath", "-o", binary}
	if profile {
		overlay, err := layOver(folder, filepath.Join(root, "cmd", "stockhold", "profiler_overlay.go"))
		if err != nil {
			return "", err
		}
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/stockhold")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build stockhold: %w\n%s", err, out)
	}
	return binary, nil
}

func layOver(folder, at string) (overlay string, err error) {
	file := filepath.Join(folder, "profiler.go")
	if err := os.WriteFile(file, []byte(profiler), 0o600); err != nil {
		return "", fmt.Errorf("write the profiler: %w", err)
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {at: file}})
	if err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	overlay = filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	return overlay, nil
}

// Root is the folder of the module that the working folder is in.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the source: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", fmt.Errorf("find the source: run this inside of stockhold's source tree")
	}
	return filepath.Dir(file), nil
}

// Version is what the built stockhold says of itself.
func (s *Stage) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, s.binary, "version").Output()
	if err != nil {
		return "", fmt.Errorf("ask stockhold for its version: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
