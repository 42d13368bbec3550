package rpc

import (
	"encoding/json"
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// unknownWords finds the enum values of a JSON message that its type does not
// have. The JSON library passes over them together with unknown fields, and a
// misspelled policy would silently become the default. data is JSON that the
// library has read; it is looked at only when it holds something unknown.
func unknownWords(data []byte, message protoreflect.MessageDescriptor) faults {
	var f faults
	findUnknownWords(&f, "", data, message)
	return f
}

func findUnknownWords(f *faults, path string, data []byte, message protoreflect.MessageDescriptor) {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return // a well-known type that is written as a string
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		field := message.Fields().ByJSONName(name)
		if field == nil {
			field = message.Fields().ByTextName(name)
		}
		if field == nil {
			continue
		}
		at := path + string(field.Name())
		var list []json.RawMessage
		if !field.IsList() || json.Unmarshal(object[name], &list) != nil {
			findUnknownWord(f, at, object[name], field)
			continue
		}
		for i, value := range list {
			findUnknownWord(f, indexed(at, i), value, field)
		}
	}
}

func findUnknownWord(f *faults, path string, value json.RawMessage, field protoreflect.FieldDescriptor) {
	switch {
	case field.Message() != nil:
		findUnknownWords(f, path+".", value, field.Message())
	case field.Enum() != nil:
		var word string
		if json.Unmarshal(value, &word) == nil && word != "" && field.Enum().Values().ByName(protoreflect.Name(word)) == nil {
			f.add(path, "is %q, which this version does not know", word)
		}
	}
}
