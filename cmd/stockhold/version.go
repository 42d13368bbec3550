package main

import (
	"encoding/json"
	"fmt"

	"stockhold/internal/telemetry"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print it as JSON."`
}

func (c versionCommand) Run(env *environment) error {
	build := telemetry.ReadBuild()
	if c.JSON {
		return json.NewEncoder(env.out).Encode(build)
	}
	_, err := fmt.Fprintln(env.out, build)
	return err
}
