package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"stockhold/internal/faults/twins"
)

// overlay writes the files of a twin of the program, one without a guard, and
// returns the file that makes the go command read them instead of the real ones.
// The caller removes its folder.
func overlay(ctx context.Context, guard string) (string, error) {
	module, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(module)))
	for _, twin := range twins.All() {
		if twin.Name == guard {
			return write(twin, root)
		}
	}
	return "", fmt.Errorf("there is no guard %q; docs/twins.md lists them", guard)
}

func write(twin twins.Twin, root string) (string, error) {
	files, err := twin.Files(root)
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "stockhold-twin-")
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		changed := filepath.Join(folder, fmt.Sprintf("%d-%s", len(replace), filepath.Base(name)))
		if err := os.WriteFile(changed, text, 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(name))] = changed
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "overlay.json")
	return path, os.WriteFile(path, text, 0o644)
}
