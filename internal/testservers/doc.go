// Package testservers starts real, throw-away MariaDB and Redis servers on this machine: single ones, a
// replicated pair, a cluster, a Sentinel set. Tests use it, and so do programs that demonstrate or measure.
//
// Every server listens on 127.0.0.1 only, on a port leased for as long as the server exists, and keeps its files
// in a folder of its own, which [MariaDBServer.Close] and [RedisServer.Close] remove. On Linux a server dies with
// the process that started it, however that one ends; the folders of a killed process are removed by the next
// process that starts a server.
//
// A test package that needs the stores writes one TestMain, and then asks for what it needs:
//
//	func TestMain(m *testing.M) { testservers.Main(m) }
//
//	func TestHold(t *testing.T) {
//		dsn := testservers.Database(t)               // a fresh database, dropped when the test ends
//		url := testservers.Redis(t).URL()            // one Redis for the whole test binary,
//		prefix := testservers.Prefix(t)              // so each test takes a prefix of its own
//		...
//	}
//
// The servers of [MariaDB] and [Redis] are shared: never stop, flush or reconfigure them. A test that does such
// things takes its own from [NewMariaDB], [NewRedis], [RedisPair], [RedisCluster] or [RedisSentinel]:
//
//	func TestLedgerAway(t *testing.T) {
//		db := testservers.NewMariaDB(t, testservers.MariaDBOptions{})
//		...
//		require.NoError(t, db.Kill())
//		...
//		require.NoError(t, db.Restart(t.Context())) // same port, same data
//	}
//
// Such servers can also be brought into trouble while they run: [MariaDBServer.SetReadOnly],
// [MariaDBServer.SetMaxConnections], [MariaDBServer.KillConnections], [MariaDBServer.HoldRows], [RedisServer.Fill],
// [Cluster.Migrate], and, when started with FakeClock, [MariaDBServer.SetClock] and [RedisServer.SetClock]. Root is
// above the first two: let the system under test connect with [MariaDBServer.UserDSN].
//
// A program without a testing.T calls [StartMariaDB], [StartRedis] and their kin, and closes what it started.
//
// The binaries mariadbd, mariadb-install-db and redis-server must be installed, and libfaketime for a FakeClock; a
// test that misses one fails.
package testservers
