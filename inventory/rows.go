package inventory

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Row is what the gate has of one stock row. Only the key is set if it is not
// loaded.
type Row struct {
	View
	Pending int64 // units frozen and not yet settled
	Loaded  bool
}

// Rows reads the rows of the keys, in the same order. The rows are read one by
// one, not at one moment.
func (g *Gate) Rows(ctx context.Context, keys []Key) ([]Row, error) {
	rows := make([]Row, 0, len(keys))
	for len(rows) < len(keys) {
		rest := keys[len(rows):]
		some := rest[:min(len(rest), rowsPerTrip)]
		cmds := make([]*redis.SliceCmd, len(some))
		err := g.bounded(ctx, func(ctx context.Context) error {
			_, err := g.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
				for i, key := range some {
					cmds[i] = pipe.HMGet(ctx, g.keys.row(key), "q", "v", "p")
				}
				return nil
			})
			return err
		})
		if err != nil {
			g.metrics.failed(ctx, "rows", err)
			return nil, fmt.Errorf("read %d gate rows: %w", len(some), err)
		}
		for i, key := range some {
			row, err := decodeRow(key, cmds[i].Val())
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// Scan lists the keys of the gate's stock rows, about count at a time out of all
// that is in that Redis: a page may be empty or larger. Begin with cursor 0 and go
// on with next until it is 0. A row that was there all the time comes at least
// once, maybe several times; others may or may not. A cursor means nothing to
// another server, so a scan during which Redis failed over may miss rows.
func (g *Gate) Scan(ctx context.Context, cursor uint64, count int64) (found []Key, next uint64, err error) {
	names, next, err := g.scan(ctx, cursor, g.keys.anyRow(), count)
	if err != nil {
		return nil, 0, err
	}
	found = make([]Key, 0, len(names))
	for _, name := range names {
		key, err := g.keys.parseRow(name)
		if err != nil {
			continue // a stranger's key that only looks like ours
		}
		found = append(found, key)
	}
	return found, next, nil
}

// Wipe removes all that the gate keeps under its prefix. It is safe at any moment:
// the rows come back as they are asked for. What is written while it runs may stay.
func (g *Gate) Wipe(ctx context.Context) error {
	for cursor := uint64(0); ; {
		names, next, err := g.scan(ctx, cursor, g.keys.anyKey(), rowsPerTrip)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			err := g.bounded(ctx, func(ctx context.Context) error { return g.client.Unlink(ctx, names...).Err() })
			if err != nil {
				return fmt.Errorf("wipe %d keys of the gate: %w", len(names), err)
			}
		}
		if next == 0 {
			return nil
		}
		cursor = next
	}
}

func (g *Gate) scan(ctx context.Context, cursor uint64, pattern string, count int64) (names []string, next uint64, err error) {
	err = g.onNode(ctx, func(ctx context.Context, node *redis.Client) error {
		names, next, err = node.Scan(ctx, cursor, pattern, count).Result()
		return err
	})
	if err != nil {
		g.metrics.failed(ctx, "scan", err)
		return nil, 0, fmt.Errorf("scan the gate for %q from cursor %d: %w", pattern, cursor, err)
	}
	return names, next, nil
}
