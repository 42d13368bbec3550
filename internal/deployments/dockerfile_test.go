package deployments

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// instruction is one of a Dockerfile: its word and the rest, on one line.
type instruction struct{ word, rest string }

// dockerfile reads the Dockerfile as far as this one goes: comments, and lines
// that go on after a backslash.
func dockerfile() ([]instruction, error) {
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	var all []instruction
	var line string
	for part := range strings.Lines(string(text)) {
		part = strings.TrimSpace(part)
		if strings.HasPrefix(part, "#") || part == "" {
			continue
		}
		if begun, more := strings.CutSuffix(part, `\`); more {
			line += begun
			continue
		}
		word, rest, _ := strings.Cut(line+part, " ")
		all, line = append(all, instruction{word, strings.TrimSpace(rest)}), ""
	}
	return all, nil
}

// instructions are those of one word, in order.
func instructions(t *testing.T, word string) []string {
	t.Helper()
	all, err := dockerfile()
	require.NoError(t, err)
	var found []string
	for _, i := range all {
		if i.word == word {
			found = append(found, i.rest)
		}
	}
	return found
}

// buildProgram runs the Dockerfile's own command for this system and returns the
// path of what it made. Once: it is also the program that the other tests run.
var buildProgram = sync.OnceValues(func() (string, error) {
	all, err := dockerfile()
	if err != nil {
		return "", err
	}
	if err := seeSources(); err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "stockhold-image-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "stockhold")
	for _, i := range all {
		if i.word != "RUN" || !strings.Contains(i.rest, "go build") {
			continue
		}
		command := regexp.MustCompile(`--mount=\S+ *`).ReplaceAllString(i.rest, "")
		build := exec.Command("sh", "-c", strings.ReplaceAll(command, "/out/stockhold", program))
		build.Dir = root
		build.Env = append(os.Environ(), "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH)
		if text, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", build, err, text)
		}
	}
	return program, nil
})

// seeSources looks at the folders of the program's code. `go test` answers from its
// cache unless what a test itself looked at has changed, and the compiler is
// another process.
func seeSources() error {
	for _, folder := range []string{"cmd/stockhold", "gen", "internal", "inventory", "reservation", "sweeper"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(_ string, _ os.DirEntry, err error) error { return err })
		if err != nil {
			return err
		}
	}
	return nil
}

// removeProgram is for when all tests have ended.
func removeProgram() error {
	path, err := buildProgram()
	if err != nil {
		return nil // the tests have said so
	}
	return os.RemoveAll(filepath.Dir(path))
}

func program(t *testing.T) string {
	t.Helper()
	path, err := buildProgram()
	require.NoError(t, err)
	return path
}

// The program needs nothing of the image: no loader, no C library.
func TestProgramIsStatic(t *testing.T) {
	if runtime.GOOS != "linux" {
		require.NoError(t, exec.Command(program(t), "version").Run())
		return // other systems have other formats; the image is for Linux
	}
	file, err := elf.Open(program(t))
	require.NoError(t, err)
	defer file.Close()
	for _, segment := range file.Progs {
		require.NotEqual(t, elf.PT_INTERP, segment.Type, "it names a loader")
	}
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
}

// The last stage is distroless, which has no shell: so it runs nothing while it is
// built, and the entry point is a list.
func TestImage(t *testing.T) {
	args := map[string]string{}
	for _, arg := range instructions(t, "ARG") {
		if name, value, found := strings.Cut(arg, "="); found {
			args[name] = value
		}
	}
	stages := instructions(t, "FROM")
	require.Len(t, stages, 2)
	require.Contains(t, stages[0], "${GO} AS build")
	require.Equal(t, "${RUNTIME}", stages[1])
	require.Regexp(t, `^gcr\.io/distroless/static-debian\d+:nonroot$`, args["RUNTIME"])
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	needed := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))
	require.Equal(t, "golang:"+needed[1], args["GO"], "the compiler that go.mod asks for")

	all, err := dockerfile()
	require.NoError(t, err)
	last := all[lastStage(all):]
	for _, i := range last {
		require.NotEqual(t, "RUN", i.word, "there is no shell")
	}
	entry := instructions(t, "ENTRYPOINT")
	require.Len(t, entry, 1)
	path := strings.Trim(entry[0], `["]`)
	require.Contains(t, instructions(t, "COPY"), "--from=build /out/stockhold "+path)
	require.Equal(t, []string{`["serve"]`}, instructions(t, "CMD"))
	require.Len(t, instructions(t, "LABEL"), 1)
}

func lastStage(all []instruction) (at int) {
	for i := range all {
		if all[i].word == "FROM" {
			at = i
		}
	}
	return at
}

// Kubernetes must see that the user is not root, which a name does not tell; and
// the manifests run the same one.
func TestUserIsThatOfTheManifests(t *testing.T) {
	users := instructions(t, "USER")
	require.Len(t, users, 1)
	inEach(t, func(t *testing.T, b build) {
		for _, p := range ourPods(t, b) {
			security := p.template.Spec.SecurityContext
			require.Equal(t, users[0], fmt.Sprintf("%d:%d", *security.RunAsUser, *security.RunAsGroup), p.owner)
		}
	})
}

// A tracked file that the build does not see would make the compiler note that the
// working tree was changed.
func TestImageIsBuiltFromAllThatGitTracks(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	require.NoError(t, err)
	ignored, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	require.NoError(t, err)
	for pattern := range strings.Lines(string(text)) {
		pattern = strings.TrimSpace(pattern)
		if pattern != "" && !strings.HasPrefix(pattern, "#") {
			require.Regexp(t, `(?m)^/?`+regexp.QuoteMeta(pattern)+`/?$`, string(ignored))
		}
	}
}
