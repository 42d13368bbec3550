package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Program is a built binary with crash points.
type Program struct {
	Path string
}

// BuildOptions shape a build.
type BuildOptions struct {
	Overlay string // a file for `go build -overlay`: a twin of the program, changed somewhere
	Shipped bool   // as users have it: no crash points, and optimised by the profile
}

// Build builds the program into a folder of its own, which Close removes.
func Build(ctx context.Context, options BuildOptions) (*Program, error) {
	folder, err := os.MkdirTemp("", "stockhold-faults-")
	if err != nil {
		return nil, err
	}
	p := &Program{Path: filepath.Join(folder, "stockhold")}
	args := []string{"build", "-o", p.Path}
	if !options.Shipped {
		args = append(args, "-tags", "faults", "-pgo=off") // a guided build takes twice as long
	}
	if options.Overlay != "" {
		args = append(args, "-overlay="+options.Overlay)
	}
	build := exec.CommandContext(ctx, "go", append(args, "stockhold/cmd/stockhold")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("build the program: %w\n%s", err, text), p.Close())
	}
	return p, nil
}

// Close removes the binary.
func (p *Program) Close() error { return os.RemoveAll(filepath.Dir(p.Path)) }

// Setup says how to run the program.
type Setup struct {
	Args []string
	Env  []string // beside PATH and HOME
}

// Run runs the program to its end, at most for a minute, and returns what it
// wrote to standard output. The error of a program that fails is an
// *exec.ExitError and carries what it wrote to standard error.
func (p *Program) Run(ctx context.Context, setup Setup) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	process, err := p.launch(setup)
	if err != nil {
		return "", err
	}
	defer process.Close()
	if err := process.Wait(ctx); err != nil {
		return process.Output(), fmt.Errorf("stockhold %v: %w\n%s%s", setup.Args, err, process.Output(), process.Log())
	}
	return process.Output(), nil
}

// Serve starts a server on a free port and returns once it serves.
func (p *Program) Serve(ctx context.Context, setup Setup) (*Process, error) {
	setup.Args = append([]string{"serve", "--listen", "127.0.0.1:0"}, setup.Args...)
	process, err := p.launch(setup)
	if err != nil {
		return nil, err
	}
	if err := process.awaitServing(ctx); err != nil {
		return nil, errors.Join(err, process.Close())
	}
	return process, nil
}

// Launch starts the program and returns at once; it need not be a server.
func (p *Program) Launch(setup Setup) (*Process, error) { return p.launch(setup) }
