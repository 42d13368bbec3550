package testservers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// clusterSlots is how many hash slots every Redis Cluster has.
const clusterSlots = 16384

// ClusterOptions shape a Redis Cluster.
type ClusterOptions struct {
	// Masters is the number of masters, at least 1. Replicas take over from a dead master only if a majority of
	// the masters lives, so at least 3 are needed for that.
	Masters int
	// Replicas is the number of replicas of each master.
	Replicas int
	// Redis is for every node.
	Redis RedisOptions
}

// A Cluster is a Redis Cluster with all slots assigned. The fields say how the nodes began; a failover changes
// the roles, not the fields.
type Cluster struct {
	Masters []*RedisServer
	// Replicas[i] follows Masters[i % len(Masters)].
	Replicas []*RedisServer
}

// StartCluster starts a cluster and returns when every node sees all the others well. The caller closes it.
func StartCluster(ctx context.Context, options ClusterOptions) (*Cluster, error) {
	if options.Masters < 1 || options.Replicas < 0 {
		return nil, fmt.Errorf("a cluster of %d masters with %d replicas each: there must be at least 1 and 0",
			options.Masters, options.Replicas)
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	node := options.Redis
	// Before the caller's own lines, which win.
	node.Config = append([]string{
		"cluster-enabled yes",
		"cluster-config-file nodes.conf",
		// A node learns its own address from the others, and a cluster of one has none.
		"cluster-announce-ip 127.0.0.1",
		"cluster-node-timeout 2000",
	}, node.Config...)
	nodes, err := startMany(ctx, options.Masters*(1+options.Replicas), func(ctx context.Context) (*RedisServer, error) {
		return StartRedis(ctx, node)
	})
	if err != nil {
		return nil, err
	}
	cluster := &Cluster{Masters: nodes[:options.Masters], Replicas: nodes[options.Masters:]}
	if err := cluster.form(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("form a cluster: %w", err), cluster.Close())
	}
	return cluster, nil
}

// form makes one cluster of nodes that do not know each other.
func (c *Cluster) form(ctx context.Context) error {
	for i, master := range c.Masters {
		first, last := i*clusterSlots/len(c.Masters), (i+1)*clusterSlots/len(c.Masters)-1
		err := master.do(ctx, func(client *redis.Client) error {
			return client.ClusterAddSlotsRange(ctx, first, last).Err()
		})
		if err != nil {
			return fmt.Errorf("give %s the slots %d to %d: %w", master.Addr(), first, last, err)
		}
	}
	for i, node := range c.Nodes() {
		err := node.do(ctx, func(client *redis.Client) error {
			// Epochs that differ from the start spare the nodes the quarrel over equal ones.
			if err := client.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
				return err
			}
			// Everyone meets everyone: waiting for gossip takes longer.
			for _, other := range c.Nodes()[:i] {
				if err := client.ClusterMeet(ctx, "127.0.0.1", strconv.Itoa(other.Port())).Err(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("introduce %s: %w", node.Addr(), err)
		}
	}
	for i, replica := range c.Replicas {
		if err := replica.replicate(ctx, c.Masters[i%len(c.Masters)]); err != nil {
			return err
		}
	}
	return until(ctx, "every node agrees on the cluster", c.agrees)
}

// replicate makes a cluster node the replica of a master, as soon as it has heard of it.
func (s *RedisServer) replicate(ctx context.Context, master *RedisServer) error {
	return until(ctx, fmt.Sprintf("%s replicates %s", s.Addr(), master.Addr()), func(ctx context.Context) error {
		var id string
		err := master.do(ctx, func(client *redis.Client) (err error) {
			id, err = client.ClusterMyID(ctx).Result()
			return err
		})
		if err != nil {
			return err
		}
		return s.do(ctx, func(client *redis.Client) error { return client.ClusterReplicate(ctx, id).Err() })
	})
}

// agrees returns nil when every node says that the cluster is well and knows every other, and every replica is
// in step.
func (c *Cluster) agrees(ctx context.Context) error {
	for _, node := range c.Nodes() {
		err := node.do(ctx, func(client *redis.Client) error {
			info, err := client.ClusterInfo(ctx).Result()
			if err != nil {
				return err
			}
			state := fields(info)
			if state["cluster_state"] != "ok" || state["cluster_slots_ok"] != strconv.Itoa(clusterSlots) ||
				state["cluster_size"] != strconv.Itoa(len(c.Masters)) {
				return fmt.Errorf("state %s, %s slots served by %s masters",
					state["cluster_state"], state["cluster_slots_ok"], state["cluster_size"])
			}
			known, err := client.ClusterNodes(ctx).Result()
			if err != nil {
				return err
			}
			return c.allIn(known)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", node.Addr(), err)
		}
	}
	for i, replica := range c.Replicas {
		if err := replica.follows(ctx, c.Masters[i%len(c.Masters)]); err != nil {
			return err
		}
	}
	return nil
}

// allIn reads an answer of CLUSTER NODES and returns nil if all nodes are in it, in their roles and connected.
func (c *Cluster) allIn(nodes string) error {
	var masters, replicas int
	for line := range strings.Lines(nodes) {
		column := strings.Fields(line)
		if len(column) < 8 {
			continue
		}
		flags := strings.Split(strings.TrimPrefix(column[2], "myself,"), ",")
		switch {
		case len(flags) != 1 || column[7] != "connected":
			return fmt.Errorf("node %s is %s, %s", column[1], column[2], column[7])
		case flags[0] == "master":
			masters++
		case flags[0] == "slave":
			replicas++
		}
	}
	if masters != len(c.Masters) || replicas != len(c.Replicas) {
		return fmt.Errorf("it knows %d of %d masters and %d of %d replicas",
			masters, len(c.Masters), replicas, len(c.Replicas))
	}
	return nil
}

// Nodes returns the masters and then the replicas, as they began.
func (c *Cluster) Nodes() []*RedisServer { return slices.Concat(c.Masters, c.Replicas) }

// Owner asks a living node which server is the master of the key's slot now: the one to kill.
func (c *Cluster) Owner(ctx context.Context, key string) (*RedisServer, error) {
	var errs []error
	for _, node := range c.Nodes() {
		if node.Pid() == 0 {
			continue
		}
		addr, err := node.ownerOf(ctx, key)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", node.Addr(), err))
			continue
		}
		if i := slices.IndexFunc(c.Nodes(), func(s *RedisServer) bool { return s.Addr() == addr }); i >= 0 {
			return c.Nodes()[i], nil
		}
		errs = append(errs, fmt.Errorf("%s: the master is %s, a stranger", node.Addr(), addr))
	}
	return nil, fmt.Errorf("find the master of key %q: %w", key, errors.Join(errs...))
}

// ownerOf asks this node, which may be halted.
func (s *RedisServer) ownerOf(ctx context.Context, key string) (addr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	err = s.do(ctx, func(client *redis.Client) (err error) {
		addr, err = ownerOf(ctx, client, key)
		return err
	})
	return addr, err
}

func ownerOf(ctx context.Context, client *redis.Client, key string) (addr string, err error) {
	slot, err := client.ClusterKeySlot(ctx, key).Result()
	if err != nil {
		return "", err
	}
	nodes, err := client.ClusterNodes(ctx).Result()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(nodes) {
		column := strings.Fields(line)
		if len(column) > 8 && servesSlot(column[8:], slot) {
			addr, _, _ := strings.Cut(column[1], "@")
			return addr, nil
		}
	}
	return "", fmt.Errorf("nobody serves slot %d", slot)
}

// servesSlot looks for a slot among a node's, written as 7 or 7-9; one that is moving, in brackets, does not count.
func servesSlot(served []string, slot int64) bool {
	for _, text := range served {
		from, to, isRange := strings.Cut(text, "-")
		if !isRange {
			to = from
		}
		first, errFirst := strconv.ParseInt(from, 10, 64)
		last, errLast := strconv.ParseInt(to, 10, 64)
		if errFirst == nil && errLast == nil && first <= slot && slot <= last {
			return true
		}
	}
	return false
}

// URLs returns the addresses of all nodes.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, node := range c.Nodes() {
		urls = append(urls, node.URL())
	}
	return urls
}

// URL returns one URL that names all nodes, in the form of go-redis's ParseClusterURL. A client that is to follow a
// failover within the minute must set ClusterStateReloadInterval: a master that refuses connections does not make
// go-redis look for another.
func (c *Cluster) URL() string {
	return manyURL(c.Nodes(), url.Values{})
}

// manyURL returns the first server's URL with the others' addresses, and more, as parameters.
func manyURL(servers []*RedisServer, parameters url.Values) string {
	for _, s := range servers[1:] {
		parameters.Add("addr", s.Addr())
	}
	if len(parameters) == 0 {
		return servers[0].URL()
	}
	return servers[0].URL() + "?" + parameters.Encode()
}

// Close kills all nodes and removes their files.
func (c *Cluster) Close() error { return closeAll(c.Nodes()) }

// do uses a client of this server.
func (s *RedisServer) do(ctx context.Context, use func(*redis.Client) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	client := s.Client()
	defer client.Close()
	return use(client)
}
