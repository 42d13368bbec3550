package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// settingsTag on a command names the groups of settings that it uses, or all.
const (
	settingsTag = "settings"
	allSettings = "all"
)

// groups are the headings of help, in order.
var groups = []kong.Group{
	{Key: "file", Title: "Configuration:"},
	{Key: "stores", Title: "Stores:"},
	{Key: "server", Title: "Server:"},
	{Key: "security", Title: "Security:"},
	{Key: "sweeper", Title: "Sweeper:"},
	{Key: "ledger", Title: "Ledger:"},
	{Key: "limits", Title: "Limits of calls:"},
	{Key: "log", Title: "Log:"},
	{Key: "client", Title: "Server that is called:"},
}

// help shows of all settings only those that the command uses, and none where
// no command is named.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	var used []string
	if command := ctx.Selected(); command != nil {
		if tag := command.Tag.Get(settingsTag); tag != "" {
			used = append(strings.Split(tag, ","), "file")
		}
		if slices.Contains(used, allSettings) {
			for _, group := range groups {
				used = append(used, group.Key)
			}
		}
	}
	for _, flag := range ctx.Model.Flags {
		if flag.Group != nil && !slices.Contains(used, flag.Group.Key) {
			flag.Hidden = true
		}
	}
	return kong.DefaultHelpPrinter(options, ctx)
}
