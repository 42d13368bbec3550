package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Source is a kind of place that settings come from.
type Source string

// The sources, each of which goes before those above it.
const (
	FromDefault     Source = "default"
	FromFile        Source = "file"
	FromEnvironment Source = "environment"
	FromFlag        Source = "flag"
)

// Origin is where the value of one setting came from.
type Origin struct {
	Source Source
	Place  string // of the environment the variable, of the file file:line
}

// String is short enough to stand behind a value.
func (o Origin) String() string {
	if o.Place == "" {
		return string(o.Source)
	}
	return string(o.Source) + " " + o.Place
}

// Sources are where a command line's parser finds what no flag says: in the
// environment, then in the file that --config names, then in the defaults. Give
// them to the parser as an option; they serve one parse.
//
// The parser itself would look at the environment before the file is known, and
// repeat variables that it cannot read, which may hold passwords. So it is kept
// from it, and all that cannot be read is told at once.
type Sources struct {
	environ map[string]string
	used    func(*kong.Context) bool
	names   []string // of the environment, as name=value

	gathered bool
	values   map[string]any // by flag, as the parser takes them
	origins  map[string]Origin
}

// NewSources makes sources of an environment, as os.Environ returns it. used
// reports whether a command uses settings at all: those of others are not looked
// at; nil is always.
func NewSources(environ []string, used func(*kong.Context) bool) *Sources {
	s := &Sources{environ: map[string]string{}, used: used, names: environ, values: map[string]any{}, origins: map[string]Origin{}}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		s.environ[name] = value
	}
	return s
}

// Apply makes them an option of the parser.
func (s *Sources) Apply(k *kong.Kong) error {
	for _, option := range []kong.Option{
		kong.WithBeforeReset(keepFromEnvironment),
		kong.WithBeforeResolve(s.gather),
		kong.Resolvers(s),
		kong.ValueFormatter(helpWithVariable),
	} {
		if err := option.Apply(k); err != nil {
			return err
		}
	}
	return nil
}

// keepFromEnvironment has the parser forget which variables it would read.
func keepFromEnvironment(ctx *kong.Context) error {
	for _, flag := range ctx.Model.Flags {
		flag.Tag.Envs = nil
	}
	return nil
}

// helpWithVariable shows in help what the parser was made to forget.
func helpWithVariable(value *kong.Value) string {
	if value.Flag != nil {
		value.Tag.Envs = value.Flag.Envs
	}
	return kong.DefaultHelpValueFormatter(value)
}

// gather looks for every setting once, before the parser asks for any.
func (s *Sources) gather(ctx *kong.Context) error {
	if s.gathered || s.used != nil && !s.used(ctx) {
		return nil
	}
	s.gathered = true
	flags := map[string]bool{} // those on the command line
	for _, part := range ctx.Path {
		if part.Flag != nil {
			flags[part.Flag.Name] = true
		}
	}
	var faults []error
	if err := CheckEnvironment(s.names); err != nil {
		faults = append(faults, err)
	}
	inFile, err := s.readFile(ctx, flags)
	if err != nil {
		faults = append(faults, err)
	}
	for _, flag := range ctx.Model.Flags {
		if !isSetting(variable(flag.Name)) {
			continue
		}
		found, there := inFile[flag.Name]
		text, inEnvironment := s.environ[variable(flag.Name)]
		switch {
		case flags[flag.Name]:
			s.origins[flag.Name] = Origin{Source: FromFlag}
		case inEnvironment:
			s.origins[flag.Name] = Origin{FromEnvironment, variable(flag.Name)}
			s.values[flag.Name] = text
			if err := readable(flag, text); err != nil {
				faults = append(faults, &Fault{Flag: flag.Name, Err: err})
			}
		case there:
			s.origins[flag.Name] = Origin{FromFile, found.place}
			s.values[flag.Name] = found.value
		default:
			s.origins[flag.Name] = Origin{Source: FromDefault}
		}
	}
	return errors.Join(faults...)
}

// readFile reads the file that is named, if one is. What it says is checked whole,
// also where a flag or a variable goes before it.
func (s *Sources) readFile(ctx *kong.Context, flags map[string]bool) (map[string]fileValue, error) {
	at := slices.IndexFunc(ctx.Model.Flags, func(f *kong.Flag) bool { return f.Name == fileFlag })
	path := s.environ[variable(fileFlag)]
	if flags[fileFlag] {
		path, _ = ctx.FlagValue(ctx.Model.Flags[at]).(string)
	}
	if path == "" {
		return nil, nil
	}
	return readFile(path, ctx.Model.Flags)
}

// fileFlag names the one setting that no file can hold.
const fileFlag = "config"

// Resolve is how the parser asks for a setting that no flag gave.
func (s *Sources) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	return s.values[flag.Name], nil
}

// Validate has nothing to add to what was found when the values were gathered.
func (s *Sources) Validate(*kong.Application) error { return nil }

// Origins tells where each setting came from, by its flag. Only after a parse.
func (s *Sources) Origins() map[string]Origin { return s.origins }

// Placed adds to what is wrong with settings where in the file each stands.
func (s *Sources) Placed(err error) error { return placed(err, s.origins) }

// readable tries whether the parser will understand a value.
func readable(flag *kong.Flag, value any) error {
	target := reflect.New(flag.Target.Type()).Elem()
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, target); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	if words := flag.EnumSlice(); flag.Enum != "" && !slices.Contains(words, fmt.Sprint(target.Interface())) {
		return fmt.Errorf("is %q, must be one of %s", target.Interface(), strings.Join(words, ", "))
	}
	return nil
}
