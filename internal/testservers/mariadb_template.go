package testservers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

// templateLogSize is the InnoDB log's size in the template; a server started with another one resizes it first.
const templateLogSize = "32M"

// dataTemplate returns an initialized data folder for this mariadbd, to be copied and never written. The first
// process that needs it makes it, under a lock, and moves it into place whole, so a template that exists is good.
func dataTemplate(ctx context.Context, mariadbd string) (string, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	installer, err := binary("mariadb-install-db")
	if err != nil {
		return "", err
	}
	args := []string{
		"--no-defaults",
		"--auth-root-authentication-method=normal",
		"--skip-test-db",
		"--innodb-log-file-size=" + templateLogSize,
	}
	args = append(args, asRoot()...)
	version, err := exec.CommandContext(ctx, mariadbd, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", mariadbd, err)
	}
	root, err := base()
	if err != nil {
		return "", err
	}
	// Another version or other arguments are another template.
	recipe := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%q", mariadbd, version, args))
	template := filepath.Join(root, "mariadb-"+hex.EncodeToString(recipe[:8]))
	if exists(template) {
		return template, nil
	}

	lock := flock.New(template + ".lock")
	if _, err := lock.TryLockContext(ctx, pollInterval); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	defer lock.Close()
	if exists(template) {
		return template, nil
	}
	draft := template + ".draft"
	if err := os.RemoveAll(draft); err != nil {
		return "", fmt.Errorf("remove a half-made template: %w", err)
	}
	output, err := exec.CommandContext(ctx, installer, append(args, "--datadir="+draft)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("mariadb-install-db: %w; the end of its output:\n%s", err, output[max(0, len(output)-logTail):])
		return "", errors.Join(err, os.RemoveAll(draft))
	}
	if err := os.Rename(draft, template); err != nil {
		return "", fmt.Errorf("put the template in place: %w", err)
	}
	return template, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
