package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// fileValue is what a file says of one setting.
type fileValue struct {
	value any    // as the parser takes it: text, or texts by name, or a list of texts
	place string // file:line
}

// readFile reads a file of settings: one YAML mapping, whose keys are the names of
// flags. Everything in it must be a setting of the right type, once. The error
// tells all that is wrong, each with its line, and repeats no value that may be secret.
func readFile(path string, flags []*kong.Flag) (map[string]fileValue, error) {
	text, err := readBounded(path, maxFile)
	if err != nil {
		return nil, &Fault{Flag: fileFlag, Err: fmt.Errorf("cannot be read: %w", err)}
	}
	root, err := parseFile(path, text)
	if err != nil || root == nil {
		return nil, err
	}
	byName := map[string]*kong.Flag{}
	for _, flag := range flags {
		if isSetting(variable(flag.Name)) {
			byName[flag.Name] = flag
		}
	}
	values := map[string]fileValue{}
	first := map[string]int{} // the line of each key
	var faults []error
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, node := root.Content[i], root.Content[i+1]
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("%s:%d: %s", path, key.Line, fmt.Sprintf(format, args...)))
		}
		flag := byName[key.Value]
		switch line := first[key.Value]; {
		case line != 0:
			fault("%s is there twice: it is on line %d, too", shownKey(key), line)
			continue
		case flag == nil || key.Kind != yaml.ScalarNode:
			fault("no such setting: %s", unknownKey(key))
			continue
		case flag.Name == fileFlag:
			fault("%s cannot be set here: no file names another", fileFlag)
			continue
		}
		first[key.Value] = key.Line
		value, err := valueOf(node, flag.Target.Type())
		if err == nil {
			err = readable(flag, value)
		}
		if err != nil {
			fault("%s %v", flag.Name, err)
			continue
		}
		values[flag.Name] = fileValue{value: value, place: fmt.Sprintf("%s:%d", path, key.Line)}
	}
	return values, errors.Join(faults...)
}

// readBounded reads a file that may have so many bytes at most.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return text, nil
}

// parseFile returns the mapping that a file is, or nil for a file without any.
func parseFile(path string, text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, syntaxFault(path, err)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		root = nil // nothing but comments
	} else if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: want settings as key: value, one a line, not %s", path, root.Line, kindOf(root))
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: a second document begins: want one", path, second.Line)
	case !errors.Is(err, io.EOF):
		return nil, syntaxFault(path, err)
	}
	return root, nil
}

// syntaxFault words what the YAML parser says, without the names of anchors: a
// password that was not put in quotes may read as one.
func syntaxFault(path string, err error) error {
	var loading *yaml.LoadError
	if !errors.As(err, &loading) {
		return fmt.Errorf("%s is no YAML", path)
	}
	message := loading.Message
	if strings.Contains(message, "anchor") {
		message = "a value that begins with * or & needs quotes"
	}
	if loading.Mark.Line == 0 {
		return fmt.Errorf("%s: %s", path, message)
	}
	return fmt.Errorf("%s:%d: %s", path, loading.Mark.Line, message)
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[Bytes]()
)

// valueOf turns a node into what the parser takes for a setting of a type. It is
// strict where YAML is lenient: a number is no text, and nothing is no value.
func valueOf(node *yaml.Node, target reflect.Type) (any, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case target.Kind() == reflect.Map && node.Kind == yaml.MappingNode:
		return mappingOf(node)
	case target.Kind() == reflect.Map:
		return nil, fmt.Errorf("must be a mapping, not %s", kindOf(node))
	case target.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode:
		list := []any{}
		for _, item := range node.Content {
			value, err := valueOf(item, target.Elem())
			if err != nil {
				return nil, fmt.Errorf("has an item on line %d that %w", item.Line, err)
			}
			list = append(list, value)
		}
		return list, nil
	case target.Kind() == reflect.Slice:
		return nil, fmt.Errorf("must be a list, not %s", kindOf(node))
	}
	want, tags := "text (put it in quotes)", "!!str"
	switch {
	case target == durationType:
		want = "a duration such as 30s"
	case target == bytesType:
		want, tags = "a size such as 1MiB", "!!str !!int"
	case target.Kind() == reflect.Bool:
		want, tags = "true or false", "!!bool"
	case target.Kind() >= reflect.Int && target.Kind() <= reflect.Uint64:
		want, tags = "a whole number", "!!int"
	case target.Kind() == reflect.Float32 || target.Kind() == reflect.Float64:
		want, tags = "a number", "!!int !!float"
	}
	if node.Kind != yaml.ScalarNode || !strings.Contains(tags, node.ShortTag()) {
		return nil, fmt.Errorf("must be %s, not %s", want, kindOf(node))
	}
	return node.Value, nil
}

// mappingOf reads texts by name.
func mappingOf(node *yaml.Node) (map[string]string, error) {
	texts := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		text, err := valueOf(value, reflect.TypeFor[string]())
		if key.Kind != yaml.ScalarNode {
			err = fmt.Errorf("has %s for a name", kindOf(key))
		}
		if err != nil {
			return nil, fmt.Errorf("has %s on line %d, which %w", shownKey(key), key.Line, err)
		}
		if _, twice := texts[key.Value]; twice {
			return nil, fmt.Errorf("has %s twice, again on line %d", shownKey(key), key.Line)
		}
		texts[key.Value] = text.(string)
	}
	return texts, nil
}

// kindOf names what a node is, for people.
func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch node.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	case "!!str":
		return "text"
	}
	return "something with a tag"
}

func shownKey(key *yaml.Node) string {
	if key.Kind != yaml.ScalarNode {
		return kindOf(key)
	}
	return shown(key.Value)
}

// unknownKey names a key and the one that was most likely meant.
func unknownKey(key *yaml.Node) string {
	meant := strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(key.Value), "_", "-"), "stockhold-")
	if similar := nearest(meant, func(s Setting) string { return s.Flag }); similar != "" && similar != fileFlag {
		return fmt.Sprintf("%s (did you mean %s?)", shownKey(key), similar)
	}
	return shownKey(key)
}
