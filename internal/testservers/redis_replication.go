package testservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Save writes the server's data to disk. Killed and restarted, a server that does not persist comes back with
// what it had at the last Save, and empty if there was none: so a test takes a gate back in time.
func (s *RedisServer) Save(ctx context.Context) error {
	client := s.Client()
	defer client.Close()
	if err := client.Save(ctx).Err(); err != nil {
		return fmt.Errorf("save the data of %s: %w", s.Addr(), err)
	}
	return nil
}

// Follow makes the server a replica of primary, also after a Restart, and returns when it is in step. Its own
// data are lost.
func (s *RedisServer) Follow(ctx context.Context, primary *RedisServer) error {
	if err := s.replicaOf(ctx, "127.0.0.1", strconv.Itoa(primary.Port())); err != nil {
		return err
	}
	return until(ctx, fmt.Sprintf("%s follows %s", s.Addr(), primary.Addr()), func(ctx context.Context) error {
		return s.follows(ctx, primary)
	})
}

// Promote makes the server a primary with the data that it has. Nobody else is told: the old primary goes on
// taking writes until a test stops it, and what it takes now is lost to those who move to the new one.
func (s *RedisServer) Promote(ctx context.Context) error {
	return s.replicaOf(ctx, "NO", "ONE")
}

func (s *RedisServer) replicaOf(ctx context.Context, host, port string) error {
	client := s.Client()
	defer client.Close()
	if err := client.ReplicaOf(ctx, host, port).Err(); err != nil {
		return fmt.Errorf("make %s a replica of %s %s: %w", s.Addr(), host, port, err)
	}
	if err := client.ConfigRewrite(ctx).Err(); err != nil {
		return fmt.Errorf("write the configuration of %s: %w", s.Addr(), err)
	}
	return nil
}

// follows returns nil when the server is a replica of primary and the link between them is up.
func (s *RedisServer) follows(ctx context.Context, primary *RedisServer) error {
	client := s.Client()
	defer client.Close()
	info, err := infoOf(ctx, client, "replication")
	if err != nil {
		return err
	}
	of := net.JoinHostPort(info["master_host"], info["master_port"])
	if of != primary.Addr() || info["master_link_status"] != "up" {
		return fmt.Errorf("%s is a %s of %s, link %q", s.Addr(), info["role"], of, info["master_link_status"])
	}
	return nil
}

// A Pair is a primary and the replica that follows it. The fields say how they began: Promote changes the roles,
// not the fields.
type Pair struct {
	Primary *RedisServer
	Replica *RedisServer
}

// StartPair starts a primary and a replica and returns when the replica is in step. The caller closes the pair.
func StartPair(ctx context.Context, options RedisOptions) (*Pair, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	servers, err := startMany(ctx, 2, func(ctx context.Context) (*RedisServer, error) {
		return StartRedis(ctx, options)
	})
	if err != nil {
		return nil, err
	}
	pair := &Pair{Primary: servers[0], Replica: servers[1]}
	if err := pair.Replica.Follow(ctx, pair.Primary); err != nil {
		return nil, errors.Join(err, pair.Close())
	}
	return pair, nil
}

// URLs returns the addresses of the primary and of the replica, as they began.
func (p *Pair) URLs() []string { return []string{p.Primary.URL(), p.Replica.URL()} }

// Promote makes the replica a primary; see [RedisServer.Promote].
func (p *Pair) Promote(ctx context.Context) error { return p.Replica.Promote(ctx) }

// Close kills both servers and removes their files.
func (p *Pair) Close() error { return closeAll([]*RedisServer{p.Primary, p.Replica}) }
