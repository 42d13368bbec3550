package testservers

import "testing"

// NewMariaDB starts a server for this test alone, which may kill and restart it. It is closed when the test ends.
func NewMariaDB(t testing.TB, options MariaDBOptions) *MariaDBServer {
	t.Helper()
	s, err := StartMariaDB(t.Context(), options)
	if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	closeWith(t, s, &s.server)
	return s
}

// NewRedis starts a server for this test alone, which may kill and restart it. It is closed when the test ends.
func NewRedis(t testing.TB, options RedisOptions) *RedisServer {
	t.Helper()
	s, err := StartRedis(t.Context(), options)
	if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	closeWith(t, s, &s.server)
	return s
}

// RedisPair starts a primary and a replica for this test alone. They are closed when the test ends.
func RedisPair(t testing.TB) *Pair {
	t.Helper()
	pair, err := StartPair(t.Context(), RedisOptions{})
	if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	closeWith(t, pair, &pair.Primary.server, &pair.Replica.server)
	return pair
}

// RedisCluster starts a cluster for this test alone, with so many replicas of each master. It is closed when the
// test ends.
func RedisCluster(t testing.TB, masters, replicas int) *Cluster {
	t.Helper()
	cluster, err := StartCluster(t.Context(), ClusterOptions{Masters: masters, Replicas: replicas})
	if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	closeWith(t, cluster, servers(cluster.Nodes())...)
	return cluster
}

// RedisSentinel starts a primary, a replica and three sentinels for this test alone. They are closed when the
// test ends.
func RedisSentinel(t testing.TB) *Sentinel {
	t.Helper()
	set, err := StartSentinel(t.Context(), SentinelOptions{Sentinels: 3})
	if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	closeWith(t, set, append(servers(set.Sentinels), &set.Primary.server, &set.Replica.server)...)
	return set
}

func servers(of []*RedisServer) []*server {
	var all []*server
	for _, s := range of {
		all = append(all, &s.server)
	}
	return all
}

// closeWith closes what a test started when the test ends, and shows the servers' logs if it failed.
func closeWith(t testing.TB, started interface{ Close() error }, logs ...*server) {
	t.Helper()
	t.Cleanup(func() {
		for _, s := range logs {
			if t.Failed() {
				t.Logf("the end of the log of %s on %s:\n%s", s.process.name, s.Addr(), s.Log())
			}
		}
		if err := started.Close(); err != nil {
			t.Errorf("testservers: %v", err)
		}
	})
}
