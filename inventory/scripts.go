package inventory

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/freeze.lua
	freezeLua string
	//go:embed lua/settle.lua
	settleLua string
	//go:embed lua/drop.lua
	dropLua string
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

// scripts are the three that the gate runs.
type scripts struct {
	freeze, settle, drop script
}

func newScripts() scripts {
	return scripts{
		freeze: newScript("freeze", freezeLua),
		settle: newScript("settle", settleLua),
		drop:   newScript("drop", dropLua),
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
	return scripts{freeze: plain(all.freeze), settle: plain(all.settle), drop: plain(all.drop)}
}

// call is one run of a script.
type call struct {
	script script
	keys   []string
	args   []any
}

// reply is what came of it: the script's value, or why there is none.
type reply struct {
	value any
	err   error
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
	return redis.NewCmd(context.Background(), args...) // the context is for hooks; the convoy has the caller's
}

// trip makes all calls in one round trip and returns their replies in order,
// their errors classified.
//
// A server that does not know a script (restarted, failed over to, flushed)
// says NOSCRIPT and does nothing; those calls go out once more as source, which
// teaches it the script. EVAL is routed by its keys like the call itself, so the
// node that answers is the node that learns, and one that is down elsewhere in
// a cluster does not matter.
func (g *Gate) trip(ctx context.Context, calls []call) []reply {
	start := time.Now()
	tripCtx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	replies := g.send(tripCtx, calls, call.byDigest)
	var unknown []call
	var at []int
	for i, r := range replies {
		if redis.HasErrorPrefix(r.err, "NOSCRIPT") {
			unknown = append(unknown, calls[i])
			at = append(at, i)
		}
	}
	if len(unknown) > 0 {
		for i, r := range g.send(tripCtx, unknown, call.bySource) {
			replies[at[i]] = r
		}
	}
	for i := range replies {
		replies[i].err = classify(ctx, replies[i].err)
	}
	g.metrics.tripped(ctx, calls[0].script, start)
	return replies
}

func (g *Gate) send(ctx context.Context, calls []call, command func(call) *redis.Cmd) []reply {
	cmds := make([]*redis.Cmd, len(calls))
	size := 0
	for i, c := range calls {
		cmds[i] = command(c)
		size += len(c.keys)
	}
	replies := make([]reply, len(calls))
	err := g.convoy.send(ctx, cmds, size)
	for i, cmd := range cmds {
		if err != nil {
			replies[i].err = err
			continue
		}
		replies[i].value, replies[i].err = cmd.Result()
	}
	return replies
}
