package inventory

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// oldestRedis is the first major version that knows `#!lua` and its flags.
const oldestRedis = 7

// Warnings looks at the Redis that holds the gate's keys for settings that make
// the gate useless or slow, and returns them in words for an operator. None of
// them is a reason not to serve.
//
// That Redis keeps nothing on disk is no fault: a gate that comes back empty
// fills itself from the ledger. A Redis that does not show its settings, as some
// managed ones do not, gives no warnings and no error.
func (g *Gate) Warnings(ctx context.Context) ([]string, error) {
	var info string
	err := g.onNode(ctx, func(ctx context.Context, node *redis.Client) (err error) {
		info, err = node.Info(ctx).Result()
		if redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "unknown command") {
			return nil
		}
		return err
	})
	if err != nil {
		g.metrics.failed(ctx, "warnings", err)
		return nil, fmt.Errorf("look at the settings of redis: %w", err)
	}
	return infoWarnings(info), nil
}

// infoWarnings reads the reply of INFO, lines of name:value; what is not in it
// gives no warning.
func infoWarnings(info string) []string {
	settings := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		settings[name] = value
	}
	var warnings []string
	major, _, _ := strings.Cut(settings["redis_version"], ".")
	if version, err := strconv.Atoi(major); err == nil && version < oldestRedis {
		warnings = append(warnings, fmt.Sprintf("redis %s cannot run the gate's scripts, which need version %d or newer: "+
			"every hold goes to the ledger without the gate", settings["redis_version"], oldestRedis))
	}
	// The volatile policies evict only keys that expire, and none of the gate's does.
	if policy := settings["maxmemory_policy"]; strings.HasPrefix(policy, "allkeys-") {
		warnings = append(warnings, fmt.Sprintf("redis has maxmemory-policy %s and may evict the gate's rows: "+
			"stock stays right, but rows that are gone are read from the ledger again; use noeviction", policy))
	}
	if settings["role"] == "slave" {
		warnings = append(warnings, "redis is a read-only replica: every hold goes to the ledger without the gate until it is promoted")
	}
	return warnings
}
