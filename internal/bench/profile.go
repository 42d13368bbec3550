package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sync/errgroup"
)

// profile fetches CPU profiles of a system's processes over the measured part of
// a cell, if profiles are wanted. What it returns waits for them.
func (r *runner) profile(ctx context.Context, l *live, label string) (wait func() error) {
	var fetching errgroup.Group
	if r.opts.Profiles != "" {
		for i, url := range l.Profiles {
			file := filepath.Join(r.opts.Profiles, fmt.Sprintf("%s-%d.pprof", unsuitable.ReplaceAllString(label, "-"), i+1))
			fetching.Go(func() error {
				if err := pause(ctx, r.scale.warm); err != nil {
					return err
				}
				seconds := max(1, int(r.scale.measure.Seconds()))
				return fetch(ctx, fmt.Sprintf("%s/profile?seconds=%d", url, seconds), file)
			})
		}
	}
	return fetching.Wait
}

var unsuitable = regexp.MustCompile(`[^A-Za-z0-9]+`)

func fetch(ctx context.Context, url, file string) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("fetch a profile: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("fetch a profile: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch a profile: %s says %s", url, response.Status)
	}
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("keep a profile: %w", err)
	}
	_, err = io.Copy(out, response.Body)
	return errors.Join(err, out.Close())
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
