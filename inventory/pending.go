package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// holdsPerTrip bounds what one read of pending holds brings back: a hold may have
// some thousand lines.
const holdsPerTrip = 50

// Pending lists the holds that have been pending for olderThan or longer by Redis's
// own clock, the oldest first and at most limit (1 or more) of them, with their
// lines in key order; holds that are dated as far in the future come last. A hold
// whose lines are lost, or that was settled meanwhile, comes without lines, so that
// it can be settled all the same.
//
// An entry that no gate of this kind wrote does not stop the others: they are
// returned together with an error that names it.
func (g *Gate) Pending(ctx context.Context, olderThan time.Duration, limit int) ([]Hold, error) {
	names, err := g.oldest(ctx, olderThan, limit)
	if err != nil {
		g.metrics.failed(ctx, "pending", err)
		return nil, fmt.Errorf("list holds pending in the gate for %s: %w", olderThan, err)
	}
	holds := make([]Hold, 0, len(names))
	var strange []error
	for len(names) > 0 {
		some := names[:min(len(names), holdsPerTrip)]
		packed, err := g.packedLines(ctx, some)
		if err != nil {
			g.metrics.failed(ctx, "pending", err)
			return nil, fmt.Errorf("read %d holds pending in the gate: %w", len(some), err)
		}
		for i, name := range some {
			id, err := parseHold(name)
			if err != nil {
				strange = append(strange, err)
				continue
			}
			hold, err := decodeHold(g.keys, id, packed[i])
			if err != nil {
				strange = append(strange, err)
			}
			holds = append(holds, hold)
		}
		names = names[len(some):]
	}
	return holds, errors.Join(strange...)
}

// oldest returns the names of the holds, oldest first, and then those that are
// dated in the future: Redis's clock was set back since, or a replica with a
// slower one took over. Until it has caught up they would look young, and the
// units of a hold whose process died would be spoken for as long.
func (g *Gate) oldest(ctx context.Context, olderThan time.Duration, limit int) (names []string, err error) {
	err = g.onNode(ctx, func(ctx context.Context, node *redis.Client) error {
		now, err := node.Time(ctx).Result()
		if err != nil {
			return err
		}
		old := redis.ZRangeArgs{Key: g.keys.pending(), ByScore: true, Start: "-inf", Stop: now.Add(-olderThan).UnixMilli()}
		ahead := old
		ahead.Start, ahead.Stop = fmt.Sprintf("(%d", now.Add(olderThan).UnixMilli()), "+inf"
		for _, some := range []redis.ZRangeArgs{old, ahead} {
			if some.Count = int64(limit - len(names)); some.Count == 0 {
				break
			}
			found, err := node.ZRangeArgs(ctx, some).Result()
			if err != nil {
				return err
			}
			names = append(names, found...)
		}
		return nil
	})
	return names, err
}

// packedLines returns one value for each name: a text, or nil.
func (g *Gate) packedLines(ctx context.Context, names []string) (packed []any, err error) {
	err = g.bounded(ctx, func(ctx context.Context) error {
		packed, err = g.client.HMGet(ctx, g.keys.holds(), names...).Result()
		if err == nil && len(packed) != len(names) {
			err = fmt.Errorf("HMGET replied %d values for %d fields", len(packed), len(names))
		}
		return err
	})
	return packed, err
}
