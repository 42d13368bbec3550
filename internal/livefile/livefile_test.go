package livefile_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/leaktest"
	"stockhold/internal/livefile"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var errLower = errors.New("it is not in capitals")

// capitals accepts only those.
func capitals(contents [][]byte) (string, error) {
	text := string(bytes.Join(contents, []byte("+")))
	if strings.ToUpper(text) != text {
		return "", errLower
	}
	return text, nil
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestValueFollowsItsFiles(t *testing.T) {
	folder := t.TempDir()
	a, b := filepath.Join(folder, "a"), filepath.Join(folder, "b")
	put(t, a, "ONE")
	put(t, b, "TWO")
	var log bytes.Buffer
	w := livefile.NewWatch(0, slog.New(slog.NewTextHandler(&log, nil)))
	v, err := livefile.Load(w, "two words", []string{a, b}, capitals)
	require.NoError(t, err)
	require.Equal(t, "ONE+TWO", v.Get())
	require.Equal(t, uint64(1), v.Version())

	require.NoError(t, w.Reload())
	require.Equal(t, uint64(1), v.Version(), "nothing changed")
	require.Empty(t, log.String())

	put(t, b, "THREE")
	require.NoError(t, w.Reload())
	require.Equal(t, "ONE+THREE", v.Get())
	require.Equal(t, uint64(2), v.Version())
	require.Contains(t, log.String(), "loaded again")
}

// What cannot be used changes nothing, and is told once.
func TestBrokenFilesLeaveTheOldValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "word")
	put(t, path, "GOOD")
	var log bytes.Buffer
	w := livefile.NewWatch(0, slog.New(slog.NewTextHandler(&log, nil)))
	v, err := livefile.Load(w, "the word", []string{path}, capitals)
	require.NoError(t, err)

	for name, spoil := range map[string]func(){
		"not accepted": func() { put(t, path, "bad") },
		"empty":        func() { put(t, path, "") },
		"too long":     func() { put(t, path, strings.Repeat("X", livefile.MaxBytes+1)) },
		"gone":         func() { require.NoError(t, os.Remove(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			spoil()
			for range 3 {
				require.ErrorContains(t, w.Reload(), "the word")
			}
			require.Equal(t, "GOOD", v.Get())
			require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log.String())
			put(t, path, "GOOD")
			require.NoError(t, w.Reload())
		})
	}
	put(t, path, "BETTER")
	require.NoError(t, w.Reload())
	require.Equal(t, "BETTER", v.Get())
}

// Files that are to change together do so, or not at all.
func TestPreparedChangesAreTakenTogether(t *testing.T) {
	folder := t.TempDir()
	a, b := filepath.Join(folder, "a"), filepath.Join(folder, "b")
	put(t, a, "A")
	put(t, b, "B")
	w := livefile.NewWatch(0, slog.New(slog.DiscardHandler))
	first, err := livefile.Load(w, "the first", []string{a}, capitals)
	require.NoError(t, err)
	second, err := livefile.Load(w, "the second", []string{b}, capitals)
	require.NoError(t, err)

	put(t, a, "AA")
	put(t, b, "bb")
	_, _, err = w.Prepare()
	require.ErrorContains(t, err, "the second")
	require.Equal(t, "A", first.Get())

	put(t, b, "BB")
	apply, names, err := w.Prepare()
	require.NoError(t, err)
	require.Equal(t, []string{"the first", "the second"}, names)
	require.Equal(t, "A", first.Get())
	apply()
	require.Equal(t, "AA", first.Get())
	require.Equal(t, "BB", second.Get())
	_, names, err = w.Prepare()
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestFilesMustBeThereAtFirst(t *testing.T) {
	w := livefile.NewWatch(0, slog.New(slog.DiscardHandler))
	_, err := livefile.Load(w, "the word", []string{filepath.Join(t.TempDir(), "missing")}, capitals)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, w.Reload(), "what was not loaded is not looked after")
}

// Kubernetes mounts a secret as a link to a link to a folder, and replaces the
// one in the middle: no file of the old folder ever changes.
func TestAFolderThatIsReplacedByALink(t *testing.T) {
	mount := t.TempDir()
	for _, version := range []string{"..1", "..2"} {
		require.NoError(t, os.Mkdir(filepath.Join(mount, version), 0o700))
		put(t, filepath.Join(mount, version, "word"), strings.ToUpper("version"+version))
	}
	require.NoError(t, os.Symlink("..1", filepath.Join(mount, "..data")))
	require.NoError(t, os.Symlink(filepath.Join("..data", "word"), filepath.Join(mount, "word")))

	w := livefile.NewWatch(time.Millisecond, slog.New(slog.DiscardHandler))
	v, err := livefile.Load(w, "the word", []string{filepath.Join(mount, "word")}, capitals)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { require.NoError(t, w.Run(ctx)) })
	require.NoError(t, os.Symlink("..2", filepath.Join(mount, "..next")))
	require.NoError(t, os.Rename(filepath.Join(mount, "..next"), filepath.Join(mount, "..data")))
	require.Eventually(t, func() bool { return v.Get() == "VERSION..2" }, 30*time.Second, time.Millisecond)
	stop()
	running.Wait()
}
