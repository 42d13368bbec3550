package peers

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/redis/go-redis/v9"

	"stockhold/internal/rpc"
	"stockhold/reservation"
)

// luaInsert lets a script in Redis count the stock, and then writes the hold:
// one INSERT, its own transaction, per Try. Redis is the only one that knows how
// much there is, so that losing it loses the truth; that is what this design costs.
type luaInsert struct {
	db     *sql.DB
	cache  *redis.Client
	prefix string
}

var luaInsertPeer = Peer{
	Name:    "lua-insert",
	Source:  "the usual flash-sale design: stock counters in Redis, checked and taken by a Lua script, and an order row in MySQL",
	prepare: prepareLua,
	open: func(_ context.Context, stores Stores) (rpc.Service, io.Closer, error) {
		db, err := openDB(stores.DSN)
		if err != nil {
			return nil, nil, err
		}
		cache, err := openRedis(stores.Redis)
		if err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
		return service{design: luaInsert{db, cache, stores.Prefix}}, both{db, cache}, nil
	},
}

type both [2]io.Closer

func (b both) Close() error { return errors.Join(b[0].Close(), b[1].Close()) }

func openRedis(url string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("the peer's Redis: %w", err)
	}
	options.ContextTimeoutEnabled = true
	options.ReadTimeout = 5 * time.Second
	return redis.NewClient(options), nil
}

// The lines are a column of the hold: then one statement, committed by itself,
// writes everything, whatever the number of lines.
const luaTable = `CREATE TABLE holds (
	id             BIGINT           NOT NULL AUTO_INCREMENT,
	owner          VARCHAR(64)      NOT NULL,
	reservation_id VARCHAR(64)      NOT NULL,
	state          TINYINT UNSIGNED NOT NULL,
	created_at     DATETIME(6)      NOT NULL,
	expires_at     DATETIME(6)      NOT NULL,
	content        MEDIUMTEXT       NOT NULL,
	PRIMARY KEY (id),
	UNIQUE KEY by_id (owner, reservation_id),
	KEY by_expiry (state, expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin`

func prepareLua(ctx context.Context, db *sql.DB, cache *redis.Client, prefix string, stock []Stock) error {
	if err := createTables(ctx, db, luaTable); err != nil {
		return err
	}
	const atOnce = 1000
	for len(stock) > 0 {
		some := stock[:min(atOnce, len(stock))]
		pairs := make([]any, 0, 2*len(some))
		for _, s := range some {
			pairs = append(pairs, counter(prefix, reservation.DefaultName, s.SKU), s.OnHand)
		}
		if err := cache.MSet(ctx, pairs...).Err(); err != nil {
			return fmt.Errorf("set the counters: %w", err)
		}
		stock = stock[len(some):]
	}
	return nil
}

func counter(prefix, location, sku string) string { return prefix + " " + location + " " + sku }

// freezeScript takes all lines or none, and says which line is short and by how much.
var freezeScript = redis.NewScript(`
for i = 1, #KEYS do
  local left = tonumber(redis.call('GET', KEYS[i]) or 0)
  if left < tonumber(ARGV[i]) then return {i, left} end
end
for i = 1, #KEYS do redis.call('DECRBY', KEYS[i], ARGV[i]) end
return {0, 0}`)

func (p luaInsert) try(ctx context.Context, r reservation.TryRequest) reservation.Answer {
	keys, units := p.counters(r.Lines)
	reply, err := freezeScript.Run(ctx, p.cache, keys, units...).Int64Slice()
	if err != nil {
		return reservation.Answer{Err: fmt.Errorf("freeze: %w", err)}
	}
	if at := reply[0]; at > 0 {
		return reservation.Answer{Err: short(r.Lines[at-1], reply[1])}
	}
	err = p.insert(ctx, r)
	if err != nil {
		err = errors.Join(err, p.giveBack(ctx, keys, units))
	}
	return answerTry(r, err)
}

func (p luaInsert) counters(lines []reservation.Line) (keys []string, units []any) {
	for _, line := range lines {
		keys = append(keys, counter(p.prefix, line.Key.Location, line.Key.SKU))
		units = append(units, line.Quantity)
	}
	return keys, units
}

func (p luaInsert) insert(ctx context.Context, r reservation.TryRequest) error {
	content, err := json.Marshal(r.Lines)
	if err != nil {
		return fmt.Errorf("write the lines: %w", err)
	}
	for range tries {
		_, err = p.db.ExecContext(ctx, "INSERT INTO holds (owner, reservation_id, state, created_at, expires_at, content) "+
			"VALUES (?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, ?)",
			ownerOf(r.ID), r.ID.ID, reservation.Reserved, ttlOf(r).Microseconds(), string(content))
		if !isConflict(err) {
			break
		}
	}
	return err
}

// giveBack undoes the freeze of a hold that was not written, or had been before.
func (p luaInsert) giveBack(ctx context.Context, keys []string, units []any) error {
	_, err := p.cache.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range keys {
			pipe.IncrBy(ctx, key, units[i].(int64))
		}
		return nil
	})
	return err
}

func (p luaInsert) confirm(ctx context.Context, id reservation.HoldID) reservation.Answer {
	return answerConfirm(id, markConfirmed(ctx, p.db, id))
}
