//go:build faults

package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
	"stockhold/internal/faults/proxy"
)

var lostCommit = regexp.MustCompile(`time=(\S+) level=WARN msg="the reply to COMMIT was lost`)

// lostCommits are the moments, since a start, when processes told of one.
func lostCommits(t *testing.T, servers []*faults.Server, start time.Time) (moments []time.Duration) {
	for _, s := range servers {
		for _, p := range s.Lives() {
			for _, found := range lostCommit.FindAllStringSubmatch(p.Log(), -1) {
				at, err := time.Parse(time.RFC3339Nano, found[1])
				require.NoError(t, err)
				moments = append(moments, at.Sub(start))
			}
		}
	}
	return moments
}

// storm is what befalls a site while clients race.
type storm struct {
	site    *faults.Site
	servers []*faults.Server
	random  *rand.Rand
	strokes map[string]int
	retried map[*faults.Process]float64 // COMMITs that were run again, as far as was seen
}

// crashpoints at which a process is killed.
var crashpoints = []string{"try.received", "try.frozen", "try.sent", "try.committed", "try.answered", "settled",
	"confirm.sent", "confirm.committed", "confirm.answered", "cancel.sent", "cancel.committed",
	"sweep.claimed", "sweep.asking", "sweep.heard", "sweep.sent", "sweep.committed", "sweep.answered"}

// rage strikes until ctx ends, and leaves everything healed.
func (s *storm) rage(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.strike(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		sleep(ctx, s.between(100, 500))
	}
	return nil
}

func (s *storm) between(least, most int64) time.Duration {
	return time.Duration(least+s.random.Int64N(most-least)) * time.Millisecond
}

func (s *storm) strike(ctx context.Context) error {
	victim := s.servers[s.random.IntN(len(s.servers))]
	strokes := []struct {
		name string
		do   func() error
	}{
		{"process killed", func() error { return victim.Crash(ctx) }},
		{"process killed at a crash point", func() error { return s.ambush(ctx, victim) }},
		{"process halted", func() error {
			return s.during(s.between(100, 1500), victim.Process().Halt, victim.Process().Resume)
		}},
		{"callers cut off", victim.Proxy.Cut},
		{"answers to callers lost", func() error { return s.lose(victim.Proxy, 1, nil) }},
		{"callers reset", func() error { return s.during(s.between(20, 200), victim.Proxy.Reset, victim.Proxy.Heal) }},
		{"replies of COMMIT lost", func() error { return s.loseCommits(ctx) }},
		{"replies of COMMIT lost", func() error { return s.loseCommits(ctx) }},
		{"COMMITs held up", func() error {
			return s.during(s.between(100, 4000), func() error { return s.site.ToMySQL.HoldRequests(1+s.random.IntN(3), faults.CommitPacket) }, s.site.ToMySQL.Heal)
		}},
		{"COMMITs stopped", func() error { return s.stopCommits(ctx) }},
		{"COMMITs stopped", func() error { return s.stopCommits(ctx) }},
		{"ledger cut off", s.site.ToMySQL.Cut},
		{"ledger away", func() error { return s.during(s.between(20, 200), s.site.ToMySQL.Reset, s.site.ToMySQL.Heal) }},
		{"ledger silent", func() error { return s.during(s.between(50, 400), s.site.ToMySQL.BlackHole, s.site.ToMySQL.Heal) }},
		{"replies of the gate lost", func() error { return s.lose(s.site.ToRedis, 1+s.random.IntN(4), nil) }},
		{"gate cut off", s.site.ToRedis.Cut},
		{"gate away", func() error { return s.during(s.between(50, 600), s.site.ToRedis.Reset, s.site.ToRedis.Heal) }},
		{"gate silent", func() error { return s.during(s.between(50, 900), s.site.ToRedis.BlackHole, s.site.ToRedis.Heal) }},
		{"gate wiped", func() error { return s.wipe(ctx) }},
		{"gate wiped", func() error { return s.wipe(ctx) }},
		{"gate killed and empty", func() error {
			if err := s.site.Redis.Kill(); err != nil {
				return err
			}
			sleep(ctx, s.between(10, 500))
			return s.site.Redis.Restart(ctx)
		}},
	}
	stroke := strokes[s.random.IntN(len(strokes))]
	s.strokes[stroke.name]++
	if err := stroke.do(); err != nil {
		return fmt.Errorf("%s: %w", stroke.name, err)
	}
	return nil
}

// during makes a fault last.
func (s *storm) during(d time.Duration, begin, end func() error) error {
	if err := begin(); err != nil {
		return err
	}
	time.Sleep(d)
	return end()
}

// lose loses replies of the next moment.
func (s *storm) lose(p *proxy.Proxy, replies int, of []byte) error {
	return s.during(s.between(50, 300), func() error { return p.LoseReplies(replies, of) }, p.Heal)
}

// loseCommits loses replies to COMMIT, and then sees how often processes have run a
// batch again for that.
func (s *storm) loseCommits(ctx context.Context) error {
	if err := s.lose(s.site.ToMySQL, 1+s.random.IntN(3), faults.CommitPacket); err != nil {
		return err
	}
	for _, server := range s.servers {
		again, err := server.Process().Metric(ctx, `stockhold_ledger_retries_total{cause="commit_unknown"}`)
		if err != nil {
			return err
		}
		s.retried[server.Process()] = again
	}
	return nil
}

// stopCommits ends the sessions of COMMITs before they arrive.
func (s *storm) stopCommits(ctx context.Context) error {
	toMySQL := s.site.ToMySQL
	return s.during(s.between(50, 300),
		func() error { return toMySQL.HoldRequests(1+s.random.IntN(2), faults.CommitPacket) },
		func() error { return errors.Join(s.site.KillSessions(ctx), toMySQL.Heal()) })
}

// ambush kills a process at a crash point, if it gets there soon.
func (s *storm) ambush(ctx context.Context, victim *faults.Server) error {
	if err := victim.Process().Arm(crashpoints[s.random.IntN(len(crashpoints))], "kill"); err != nil {
		return err
	}
	select {
	case <-victim.Process().Ended():
	case <-time.After(500 * time.Millisecond):
	}
	return victim.Crash(ctx)
}

func (s *storm) wipe(ctx context.Context) error {
	client := s.site.Redis.Client()
	defer client.Close()
	return client.FlushAll(ctx).Err()
}
