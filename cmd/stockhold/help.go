package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// settingsTag on a command names the groups of settings that it uses.
const settingsTag = "settings"

// groups are the headings of help, in order.
var groups = []kong.Group{
	{Key: "stores", Title: "Stores:"},
	{Key: "server", Title: "Server:"},
	{Key: "sweeper", Title: "Sweeper:"},
	{Key: "ledger", Title: "Ledger:"},
	{Key: "limits", Title: "Limits of calls:"},
	{Key: "log", Title: "Log:"},
}

// help shows of all settings only those that the command uses, and none where
// no command is named.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	var used []string
	if command := ctx.Selected(); command != nil {
		used = strings.Split(command.Tag.Get(settingsTag), ",")
	}
	for _, flag := range ctx.Model.Flags {
		if flag.Group != nil && !slices.Contains(used, flag.Group.Key) {
			flag.Hidden = true
		}
	}
	return kong.DefaultHelpPrinter(options, ctx)
}
