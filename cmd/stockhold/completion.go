package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCommand prints what a shell needs to complete command lines. The script
// is short and asks the program itself, by the hidden command complete: so it never
// lags behind, and offers of all settings only those that a command uses.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCommand) Help() string {
	return `Examples:

    # bash: in ~/.bashrc
    source <(stockhold completion bash)

    # zsh: in ~/.zshrc, below compinit
    source <(stockhold completion zsh)

    # fish
    stockhold completion fish > ~/.config/fish/completions/stockhold.fish`
}

func (c completionCommand) Run(env *environment) error {
	_, err := fmt.Fprint(env.out, completionScripts[c.Shell])
	return err
}

// Candidates come one a line, a tab before what they are. A line that is one colon
// asks for the names of files.
var completionScripts = map[string]string{
	"bash": `# stockhold, for bash
_stockhold() {
    local cur words line
    cur="${COMP_WORDS[COMP_CWORD]}"
    words=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
    # bash breaks --flag=value into three words
    if [[ $cur == "=" ]]; then cur=""; elif [[ ${COMP_WORDS[COMP_CWORD-1]} == "=" ]]; then unset 'words[-1]'; fi
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == ":" ]]; then
            compopt -o default
            COMPREPLY=()
            return
        fi
        COMPREPLY+=("${line%%$'\t'*}")
    done < <(stockhold complete -- "${words[@]}" "$cur" 2>/dev/null)
}
complete -F _stockhold stockhold
`,
	"zsh": `#compdef stockhold
# stockhold, for zsh
_stockhold() {
    local -a candidates
    local line
    while IFS= read -r line; do
        if [[ $line == ":" ]]; then
            compset -P '--[^=]##=' # the name of a file begins behind --flag=
            _files
            return
        fi
        candidates+=("${${line%%$'\t'*}//:/\\:}${${(M)line%$'\t'*}/#$'\t'/:}")
    done < <(stockhold complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    _describe 'stockhold' candidates
}
# As a file in fpath this is the function's first call itself.
if [[ $funcstack[1] == _stockhold ]]; then _stockhold "$@"; else compdef _stockhold stockhold; fi
`,
	"fish": `# stockhold, for fish
function __stockhold_complete
    set -l tokens (commandline -opc) (commandline -ct)
    for line in (stockhold complete -- $tokens[2..-1] 2>/dev/null)
        if test "$line" = ":"
            # the name of a file begins behind --flag=
            set -l flag (string match -r -- '^--[^=]+=' $tokens[-1])
            for path in (__fish_complete_path (string replace -r -- '^--[^=]+=' '' $tokens[-1]))
                printf '%s\n' "$flag$path"
            end
        else
            printf '%s\n' $line
        end
    end
end
complete -c stockhold -f -a '(__stockhold_complete)'
`,
}

// completeCommand answers a shell: what may stand where the last word begins.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

func (c completeCommand) Run(env *environment, parsed *kong.Context) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, candidate := range complete(parsed.Model.Node, words) {
		if _, err := fmt.Fprintln(env.out, candidate); err != nil {
			return err
		}
	}
	return nil
}

// askFiles is the candidate that stands for the names of files.
const askFiles = ":"

// complete goes down to the command that the words name and lists what may follow.
func complete(node *kong.Node, words []string) []string {
	last := ""
	if len(words) > 0 {
		words, last = words[:len(words)-1], words[len(words)-1]
	}
	flags := slices.Clone(node.Flags)
	arguments := 0
	var waiting *kong.Flag // the flag whose value comes next
	for _, word := range words {
		switch name, _, valued := strings.Cut(word, "="); {
		case waiting != nil:
			waiting = nil
		case strings.HasPrefix(word, "-"):
			if flag := flagNamed(flags, name); flag != nil && !valued && !flag.IsBool() {
				waiting = flag
			}
		default:
			if child := childNamed(node, word); child != nil {
				node, flags = child, append(flags, child.Flags...)
			} else {
				arguments++
			}
		}
	}
	candidates := candidatesFor(node, flags, waiting, arguments, last)
	return slices.DeleteFunc(candidates, func(c string) bool { return c != askFiles && !strings.HasPrefix(c, last) })
}

func candidatesFor(node *kong.Node, flags []*kong.Flag, waiting *kong.Flag, arguments int, last string) []string {
	if waiting != nil {
		return valuesOf(waiting.Value)
	}
	if name, _, valued := strings.Cut(last, "="); valued && strings.HasPrefix(last, "--") {
		flag := flagNamed(flags, name)
		if flag == nil {
			return nil
		}
		values := valuesOf(flag.Value)
		for i, value := range values {
			if value != askFiles {
				values[i] = name + "=" + value
			}
		}
		return values
	}
	if strings.HasPrefix(last, "-") {
		return flagsOf(node, flags)
	}
	var candidates []string
	for _, child := range node.Children {
		if !child.Hidden {
			candidates = append(candidates, child.Name+"\t"+child.Help)
		}
	}
	if arguments < len(node.Positional) {
		candidates = append(candidates, valuesOf(node.Positional[arguments])...)
	}
	return candidates
}

// flagsOf are those of the command itself and the settings that it uses.
func flagsOf(node *kong.Node, flags []*kong.Flag) []string {
	used := append(strings.Split(node.Tag.Get(settingsTag), ","), "file")
	var names []string
	for _, flag := range flags {
		if flag.Hidden || flag.Group != nil && !slices.Contains(used, flag.Group.Key) {
			continue
		}
		names = append(names, "--"+flag.Name+"\t"+flag.Help)
	}
	return names
}

// valuesOf are the words that a value may be, or files where it names one.
func valuesOf(value *kong.Value) []string {
	if value.Enum != "" {
		return strings.Split(value.Enum, ",")
	}
	if strings.Contains(strings.ToUpper(value.Tag.PlaceHolder), "FILE") || value.Name == "file" || value.Name == "data" {
		return []string{askFiles}
	}
	return nil
}

func flagNamed(flags []*kong.Flag, name string) *kong.Flag {
	for _, flag := range flags {
		if name == "--"+flag.Name || flag.Short != 0 && name == "-"+string(flag.Short) {
			return flag
		}
	}
	return nil
}

func childNamed(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}
