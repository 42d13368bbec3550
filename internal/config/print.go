package config

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"go.yaml.in/yaml/v4"
)

// WriteYAML prints values as a file that holds the same settings, apart from
// passwords. A comment behind each says where it came from.
func WriteYAML(w io.Writer, values []Value) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	group := ""
	for _, v := range values {
		if v.Flag == fileFlag {
			continue
		}
		key, node := new(yaml.Node), new(yaml.Node)
		key.SetString(v.Flag)
		if err := node.Encode(v.Value); err != nil {
			return fmt.Errorf("print %s: %w", v.Flag, err)
		}
		if v.Group != group {
			group = v.Group
			key.HeadComment = "# --- " + group
		}
		commented := node
		if node.Kind != yaml.ScalarNode && len(node.Content) > 0 {
			commented = key
		}
		commented.LineComment = "# " + v.Origin.String()
		root.Content = append(root.Content, key, node)
	}
	text, err := yaml.Dump(root, yaml.WithLineWidth(-1))
	if err != nil {
		return fmt.Errorf("print the settings: %w", err)
	}
	_, err = w.Write(text)
	return err
}

// WriteJSON prints values for programs: by the name of each setting its value,
// where that came from, and whether it can change without a restart.
func WriteJSON(w io.Writer, values []Value) error {
	type entry struct {
		Value   any    `json:"value"`
		Source  Source `json:"source"`
		Place   string `json:"place,omitempty"`
		Reloads bool   `json:"reloads"`
	}
	all := make(map[string]entry, len(values))
	for _, v := range values {
		all[v.Flag] = entry{v.Value, v.Origin.Source, v.Origin.Place, v.Reloads}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"settings": all})
}

// WriteTable prints values for people.
func WriteTable(w io.Writer, values []Value) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SETTING\tVALUE\tFROM") // Flush has the error
	for _, v := range values {
		fmt.Fprintf(table, "%s\t%s\t%s\n", v.Flag, orNothing(v.Text()), v.Origin)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the settings: %w", err)
	}
	return nil
}
