package testservers

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

const (
	// migrateKeys is how many keys move in one step.
	migrateKeys = 100
	// migratePatience bounds one step, in milliseconds.
	migratePatience = 5000
)

// Migrate moves the slot of key, with all of its keys, to another master, as resharding does: under load, step by
// step, with clients redirected by ASK meanwhile and by MOVED afterwards. It returns when every living node agrees.
func (c *Cluster) Migrate(ctx context.Context, key string, to *RedisServer) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	from, err := c.Owner(ctx, key)
	if err != nil {
		return err
	}
	if from == to {
		return nil
	}
	if err := c.migrate(ctx, key, from, to); err != nil {
		return fmt.Errorf("move the slot of %q from %s to %s: %w", key, from.Addr(), to.Addr(), err)
	}
	moved, err := c.Moved(ctx, from, key)
	if err == nil && moved != to {
		err = fmt.Errorf("the slot of %q went to %s instead of %s", key, moved.Addr(), to.Addr())
	}
	return err
}

func (c *Cluster) migrate(ctx context.Context, key string, from, to *RedisServer) error {
	source, target := from.Client(), to.Client()
	defer source.Close()
	defer target.Close()
	slot, err := source.ClusterKeySlot(ctx, key).Result()
	if err != nil {
		return err
	}
	sourceID, err := source.ClusterMyID(ctx).Result()
	if err != nil {
		return err
	}
	targetID, err := target.ClusterMyID(ctx).Result()
	if err != nil {
		return err
	}
	// The target first, so that it knows what it is sent.
	if err := target.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", sourceID).Err(); err != nil {
		return err
	}
	if err := source.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", targetID).Err(); err != nil {
		return err
	}
	if err := from.sendKeys(ctx, source, int(slot), to); err != nil {
		return err
	}
	// The target first again: whoever the source sends there must be served.
	if err := target.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", targetID).Err(); err != nil {
		return err
	}
	return source.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", targetID).Err()
}

// sendKeys moves keys until none is left. A slot on its way gets no new ones.
func (s *RedisServer) sendKeys(ctx context.Context, source *redis.Client, slot int, to *RedisServer) error {
	for {
		keys, err := source.ClusterGetKeysInSlot(ctx, slot, migrateKeys).Result()
		if err != nil || len(keys) == 0 {
			return err
		}
		arguments := []any{"MIGRATE", "127.0.0.1", strconv.Itoa(to.Port()), "", 0, migratePatience}
		if to.options.Password != "" {
			arguments = append(arguments, "AUTH", to.options.Password)
		}
		arguments = append(arguments, "KEYS")
		for _, key := range keys {
			arguments = append(arguments, key)
		}
		if err := source.Do(ctx, arguments...).Err(); err != nil {
			return fmt.Errorf("send %d keys: %w", len(keys), err)
		}
	}
}

// Moved waits until the slot of key belongs to another server than old, which was killed or halted, and returns that
// one when it takes writes and every living node calls it the owner.
func (c *Cluster) Moved(ctx context.Context, old *RedisServer, key string) (*RedisServer, error) {
	var owner *RedisServer
	what := fmt.Sprintf("the slot of %q is no longer on %s", key, old.Addr())
	err := until(ctx, what, func(ctx context.Context) (err error) {
		if owner, err = c.Owner(ctx, key); err != nil {
			return err
		}
		if owner == old {
			return errors.New("it still is")
		}
		for _, node := range c.Nodes() {
			err := node.calls(ctx, owner, key)
			// The old one may be halted. If it answers, it is one of those who must agree.
			if node.Pid() == 0 || node == old && !errors.Is(err, errDisagrees) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", node.Addr(), err)
			}
		}
		return nil
	})
	return owner, err
}

// errDisagrees says that a node sees the cluster differently, or not well.
var errDisagrees = errors.New("the node disagrees")

// calls returns nil when a node calls owner the master of the key's slot, and finds the cluster well: a master that
// does not refuses writes.
func (s *RedisServer) calls(ctx context.Context, owner *RedisServer, key string) error {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	return s.do(ctx, func(client *redis.Client) error {
		addr, err := ownerOf(ctx, client, key)
		if err != nil {
			return err
		}
		info, err := client.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		if state := fields(info)["cluster_state"]; addr != owner.Addr() || state != "ok" {
			return fmt.Errorf("%w: the master is %s, the state %s", errDisagrees, addr, state)
		}
		return nil
	})
}
