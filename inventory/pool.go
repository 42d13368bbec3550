package inventory

import (
	"time"

	"github.com/redis/go-redis/v9"
)

// Pool tells of the gate's connections to Redis, of all its nodes together.
type Pool struct {
	Total    int           // open
	Idle     int           // of these, not in use
	Most     int           // that may be open, to each node
	Waits    int64         // commands that waited for a connection
	Waited   time.Duration // how long they did, together
	Timeouts int64         // commands that waited in vain
}

// Pool reads it.
func (g *Gate) Pool() Pool {
	stats := g.client.PoolStats()
	pool := Pool{
		Total: int(stats.TotalConns), Idle: int(stats.IdleConns),
		Waits: int64(stats.WaitCount), Waited: time.Duration(stats.WaitDurationNs), Timeouts: int64(stats.Timeouts),
	}
	switch client := g.client.(type) {
	case *redis.Client:
		pool.Most = client.Options().PoolSize
	case *redis.ClusterClient:
		pool.Most = client.Options().PoolSize
	}
	return pool
}
