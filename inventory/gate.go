package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options shape a gate. The zero value is ready for use.
type Options struct {
	// Prefix starts every key in Redis, as the one hash tag: `{prefix} ...`. 1 to
	// 64 characters of [A-Za-z0-9._:-]; default "stockhold". Two installations on
	// one Redis need two prefixes.
	Prefix string
	// Timeout bounds each round trip to Redis, within the caller's own deadline. A
	// freeze may have to wait for one that is under way, and so for twice as long.
	// Default 250 ms; 5 s for the embedded gate, whose scripts run some ten
	// times slower. A call that Redis did not answer in time may still happen.
	Timeout time.Duration
	// Log hears when Redis stops answering and when it answers again. Default
	// slog.Default().
	Log *slog.Logger
}

const (
	defaultPrefix   = "stockhold"
	defaultTimeout  = 250 * time.Millisecond
	embeddedTimeout = 5 * time.Second
)

// Limits that keep a round trip, and with it every other caller's wait, short.
const (
	linesPerTrip = 4000 // lines of holds; a single hold may have more
	rowsPerTrip  = 1000 // rows of a settlement, and as many holds, that one call names
)

// Gate is the Redis side of stockhold: a view of each stock row minus what is
// pending. All methods are safe for concurrent use.
//
// Freeze and Settle, the hot path, go through a breaker. The others are for the
// sweeper and the audit, which would rather wait and see for themselves.
type Gate struct {
	client  redis.UniversalClient
	convoy  *convoy
	keys    keys
	scripts scripts
	timeout time.Duration
	breaker *breaker
	metrics *metrics
	close   func() error
}

// newGate takes over the client: Close closes it, and then calls alsoClose.
func newGate(client redis.UniversalClient, scripts scripts, options Options, alsoClose func()) (*Gate, error) {
	g, err := buildGate(client, scripts, options)
	if err != nil {
		err = errors.Join(err, client.Close())
		alsoClose()
		return nil, err
	}
	g.close = func() error {
		g.convoy.close()
		err := client.Close()
		alsoClose()
		return err
	}
	return g, nil
}

func buildGate(client redis.UniversalClient, scripts scripts, options Options) (*Gate, error) {
	keys, err := newKeys(options.Prefix)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics()
	if err != nil {
		return nil, err
	}
	g := &Gate{
		client:  client,
		keys:    keys,
		scripts: scripts,
		timeout: options.Timeout,
		breaker: newBreaker(options.Log, metrics.breakerChanged),
		metrics: metrics,
	}
	g.convoy = &convoy{flight: g.freezeLoads, timeout: options.Timeout}
	return g, nil
}

func (o Options) withDefaults(timeout time.Duration) Options {
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.Timeout <= 0 {
		o.Timeout = timeout
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Ping asks the Redis that holds the gate's keys for a sign of life.
func (g *Gate) Ping(ctx context.Context) error {
	err := g.onNode(ctx, func(ctx context.Context, node *redis.Client) error { return node.Ping(ctx).Err() })
	if err != nil {
		return fmt.Errorf("ping the gate: %w", err)
	}
	return nil
}

// Close ends what the gate has under way, at most a time-out later, and closes
// its connections; the embedded Redis ends too. Call it once.
func (g *Gate) Close() error {
	if err := g.close(); err != nil {
		return fmt.Errorf("close the gate: %w", err)
	}
	return nil
}

// bounded runs one round trip under its time-out and classifies its error.
func (g *Gate) bounded(ctx context.Context, work func(ctx context.Context) error) error {
	tripCtx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	return classify(ctx, work(tripCtx))
}

// onNode is bounded for commands without a key, such as SCAN and TIME, which must
// go to the server that holds our keys: on a cluster, the owner of the one slot.
func (g *Gate) onNode(ctx context.Context, work func(context.Context, *redis.Client) error) error {
	return g.bounded(ctx, func(ctx context.Context) error {
		switch client := g.client.(type) {
		case *redis.Client:
			return work(ctx, client)
		case *redis.ClusterClient:
			node, err := client.MasterForKey(ctx, g.keys.pending())
			if err != nil {
				return err
			}
			return work(ctx, node)
		}
		return fmt.Errorf("redis client %T is neither for one server nor for a cluster", g.client)
	})
}
