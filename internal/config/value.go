package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Value is a setting with what it is set to.
type Value struct {
	Setting
	Value  any    // as a file says it: text, a number, true or false, or texts by name; passwords are masked
	Origin Origin // where it came from, as far as that is known
}

// Text is the value as a flag says it.
func (v Value) Text() string {
	switch value := v.Value.(type) {
	case map[string]string:
		var parts []string
		for name, text := range value {
			parts = append(parts, name+"="+text)
		}
		slices.Sort(parts)
		return strings.Join(parts, ",")
	case []string:
		return strings.Join(value, ",")
	}
	return fmt.Sprint(v.Value)
}

// Values lists every setting of a configuration, in the order of Config, with
// where each came from. What is secret is masked. Before Complete the settings
// stand as they were given; after it the contents of files stand in their place.
func (c Config) Values(origins map[string]Origin) []Value {
	var values []Value
	for i, target := range targets(&c) {
		setting := settings()[i]
		values = append(values, Value{Setting: setting, Value: plain(target, setting.Secret), Origin: origins[setting.Flag]})
	}
	return values
}

// targets are the fields of a configuration, in the order of the settings.
func targets(c *Config) []reflect.Value {
	var fields []reflect.Value
	for _, flag := range kong.Must(c, kong.NoDefaultHelp()).Model.Flags {
		fields = append(fields, flag.Target)
	}
	return fields
}

// plain is a value as YAML and JSON know it.
func plain(field reflect.Value, secret string) any {
	switch value := field.Interface().(type) {
	case time.Duration:
		return durationText(value)
	case string:
		return mask(secret, value)
	case encoding.TextMarshaler:
		if text, err := value.MarshalText(); err == nil {
			return mask(secret, string(text))
		}
	}
	switch field.Kind() {
	case reflect.Map:
		texts := map[string]string{}
		for _, key := range field.MapKeys() {
			texts[key.String()] = mask(secret, fmt.Sprint(field.MapIndex(key)))
		}
		return texts
	case reflect.Slice:
		texts := []string{}
		for i := range field.Len() {
			texts = append(texts, mask(secret, fmt.Sprint(field.Index(i))))
		}
		return texts
	}
	return field.Interface()
}

// durationText writes 15m for what time.Duration writes 15m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if d%time.Minute == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
