package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The files that Write makes, beside the pictures.
const (
	MarkdownFile = "benchmarks.md"
	JSONFile     = "benchmarks.json"
)

// Write puts the report into a folder, which is made if it is not there.
func (r *Report) Write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	pictures := r.pictures()
	errs := []error{
		put(folder, JSONFile, append(text, '\n')),
		put(folder, MarkdownFile, []byte(r.markdown(pictures))),
	}
	for _, p := range pictures {
		errs = append(errs, put(folder, p.file, []byte(p.svg)))
	}
	return errors.Join(errs...)
}

func put(folder, name string, content []byte) error {
	if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
