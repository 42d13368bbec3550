package stage

import (
	"context"
	"fmt"

	"stockhold/internal/bench/peers"
	"stockhold/internal/bench/proc"
)

// Peer starts a peer with the stock in its tables.
func (s *Stage) Peer(ctx context.Context, p peers.Peer, stock []peers.Stock) (*System, error) {
	sys := &System{Name: p.Name, Ceiling: p.Ceiling, Stores: !p.Ceiling}
	return sys.orClose(s.startPeer(ctx, sys, p, stock))
}

func (s *Stage) startPeer(ctx context.Context, sys *System, p peers.Peer, stock []peers.Stock) error {
	space, err := s.newSpace(ctx)
	if err != nil {
		return err
	}
	sys.onClose(space.drop)
	stores := peers.Stores{DSN: space.dsn(), Redis: s.redis.URL(), Prefix: space.name}
	if err := p.Prepare(ctx, stores, stock); err != nil {
		return err
	}
	sys.books = &books{db: space.db, table: "holds", key: "id"}
	return sys.run(ctx, proc.Command{
		Name: fmt.Sprintf("%s-%s", space.name, p.Name), Folder: s.folder, Path: s.self,
		Args: []string{"peer", p.Name, "--dsn", stores.DSN, "--redis", stores.Redis, "--prefix", stores.Prefix},
		Env:  cleanEnvironment(),
	}, s.peerProfiles)
}

// peerProfiles is where a peer always has its profiles; they are read only when
// stockhold's are.
func (s *Stage) peerProfiles(address string) string {
	if !s.profiled {
		return ""
	}
	return "http://" + address + "/debug/pprof"
}
