// Package peers holds what a team would build if it did not have stockhold: the
// usual designs of a stock reservation, each written as well as we can, behind
// the very handlers, codecs and limits that serve stockhold.
//
// Each peer is a file, and names who builds it so. A peer answers Try and
// Confirm; a Try that is repeated replays, a Try that does not fit is refused
// with the shortage, and what is answered OK is committed. That is less than
// stockhold promises: no peer has expiry, check-back, late calls or audits.
package peers

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/redis/go-redis/v9"

	"stockhold/internal/rpc"
)

// Stock is a stock row that is to be there.
type Stock struct {
	SKU    string
	OnHand int64
}

// Stores are where a peer keeps things.
type Stores struct {
	DSN    string // of an empty database
	Redis  string // redis://
	Prefix string // of all keys in Redis
}

// Peer is one design.
type Peer struct {
	Name    string
	Source  string // who builds it so
	SQL     bool   // keeps stock in SQL alone: one of those that stockhold is compared with as "the best SQL peer"
	Ceiling bool   // does nothing, and keeps nothing
	Units   bool   // has a row for each unit, so that stock must not be more than is needed

	// prepare makes the tables and puts the stock into them.
	prepare func(ctx context.Context, db *sql.DB, cache *redis.Client, prefix string, stock []Stock) error
	// open makes the service; what it returns to be closed is closed after the last call.
	open func(ctx context.Context, stores Stores) (rpc.Service, io.Closer, error)
}

// All are the peers, the ceiling first.
func All() []Peer {
	return []Peer{noopPeer, forUpdatePeer, conditionalPeer, unitRowsPeer, luaInsertPeer}
}

// Find finds a peer by its name.
func Find(name string) (Peer, error) {
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
	}
	return Peer{}, fmt.Errorf("no peer is called %q", name)
}

// Prepare makes the peer's tables and puts the stock into them.
func (p Peer) Prepare(ctx context.Context, stores Stores, stock []Stock) error {
	if p.Ceiling {
		return nil
	}
	db, err := openDB(stores.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	cache, err := openRedis(stores.Redis)
	if err != nil {
		return err
	}
	defer cache.Close()
	if err := p.prepare(ctx, db, cache, stores.Prefix, stock); err != nil {
		return fmt.Errorf("prepare %s: %w", p.Name, err)
	}
	return nil
}
