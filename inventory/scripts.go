package inventory

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"stockhold/internal/tracing"
)

var (
	//go:embed lua/freeze.lua
	freezeLua string
	//go:embed lua/settle.lua
	settleLua string
	//go:embed lua/drop.lua
	dropLua string
	//go:embed lua/reclaim.lua
	reclaimLua string
)

// script is one Lua file, and the digest by which a server that has seen it
// knows it.
type script struct {
	name   string
	source string
	sha    string
}

func newScript(name, source string) script {
	sum := sha1.Sum([]byte(source))
	return script{name: name, source: source, sha: hex.EncodeToString(sum[:])}
}

// scripts are the four that the gate runs.
type scripts struct {
	freeze, settle, drop, reclaim script
}

func newScripts() scripts {
	return scripts{
		freeze:  newScript("freeze", freezeLua),
		settle:  newScript("settle", settleLua),
		drop:    newScript("drop", dropLua),
		reclaim: newScript("reclaim", reclaimLua),
	}
}

// newPlainScripts are the same programs without their first line: the embedded
// Redis takes `#!lua` for a syntax error, and never runs full.
func newPlainScripts() scripts {
	plain := func(s script) script {
		_, body, _ := strings.Cut(s.source, "\n")
		return newScript(s.name, body)
	}
	all := newScripts()
	return scripts{freeze: plain(all.freeze), settle: plain(all.settle), drop: plain(all.drop), reclaim: plain(all.reclaim)}
}

// call is one run of a script.
type call struct {
	script script
	keys   []string
	args   []any
}

func (c call) byDigest() *redis.Cmd { return c.command("evalsha", c.script.sha) }
func (c call) bySource() *redis.Cmd { return c.command("eval", c.script.source) }

func (c call) command(name, program string) *redis.Cmd {
	args := make([]any, 0, 3+len(c.keys)+len(c.args))
	args = append(args, name, program, len(c.keys))
	for _, key := range c.keys {
		args = append(args, key)
	}
	args = append(args, c.args...)
	return redis.NewCmd(context.Background(), args...) // the context is for hooks; Process has the caller's
}

// run makes the call in one round trip and returns the script's value; an error
// is classified.
//
// A server that does not know the script (restarted, failed over to, flushed)
// says NOSCRIPT and does nothing; the call goes out once more as source, which
// teaches it the script. EVAL is routed by its keys like the call itself, so the
// node that answers is the node that learns, and one that is down elsewhere in
// a cluster does not matter.
func (g *Gate) run(ctx context.Context, c call) (any, error) {
	start := time.Now()
	ctx, span := c.begin(ctx)
	tripCtx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	cmd := c.byDigest()
	err := g.client.Process(tripCtx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = c.bySource()
		err = g.client.Process(tripCtx, cmd)
	}
	g.metrics.tripped(ctx, c.script, start)
	err = classify(ctx, err)
	tracing.End(span, err)
	return cmd.Val(), err
}
