package proxy_test

import (
	"context"
	"database/sql"
	"fmt"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

func TestLoseReplies(t *testing.T) {
	p, e := pair(t)
	require.NoError(t, p.LoseReplies(2, []byte("COMMIT")))
	other := served(t, p)
	for i := range 2 {
		c := served(t, p)
		send(t, c, "COMMIT")
		require.ErrorIs(t, readError(t, c), syscall.ECONNRESET)
		require.Equal(t, i+1, p.Lost())
		require.Eventually(t, func() bool { return e.ended() == i+1 }, patience, tick, "upstream's side ends, too")
	}
	require.Contains(t, e.received(), "COMMIThelloCOMMIT", "what was asked for was executed")
	requireEchoes(t, other)
	c := served(t, p)
	send(t, c, "COMMIT")
	requireAnswer(t, c, "COMMIT")
	require.Equal(t, 2, p.Lost())
	require.Error(t, p.LoseReplies(0, nil))
}

func TestPatternInPieces(t *testing.T) {
	p, e := pair(t)
	require.NoError(t, p.LoseReplies(1, []byte("COMMIT")))
	c := dial(t, p)
	for _, piece := range []string{"xCO", "MM"} {
		send(t, c, piece)
		requireAnswer(t, c, piece)
	}
	send(t, c, "ITx")
	require.ErrorIs(t, readError(t, c), syscall.ECONNRESET)
	require.Equal(t, "xCOMMITx", e.received())
}

func TestNewOrderForgetsPieces(t *testing.T) {
	p, _ := pair(t)
	require.NoError(t, p.LoseReplies(1, []byte("COMMIT")))
	c := dial(t, p)
	send(t, c, "COM")
	requireAnswer(t, c, "COM")
	require.NoError(t, p.LoseReplies(1, []byte("COMMIT")))
	send(t, c, "MIT")
	requireAnswer(t, c, "MIT")
	require.Zero(t, p.Lost())
}

func TestLoseAnyReply(t *testing.T) {
	p, _ := pair(t)
	old := served(t, p)
	require.NoError(t, p.LoseReplies(1, nil))
	send(t, old, "a")
	require.ErrorIs(t, readError(t, old), syscall.ECONNRESET)
	served(t, p)
}

func TestMuteReplies(t *testing.T) {
	p, e := pair(t)
	require.NoError(t, p.MuteReplies(1, []byte("COMMIT")))
	c := served(t, p)
	send(t, c, "COMMIT")
	requireSilent(t, c)
	require.Equal(t, 1, p.Lost())
	require.Equal(t, "helloCOMMIT", e.received())
	require.Eventually(t, func() bool { return e.ended() == 1 }, patience, tick, "upstream's side ends")
	require.NoError(t, p.Heal())
	send(t, c, "hello")
	requireSilent(t, c)
	require.Equal(t, 1, p.Connections())
}

func TestHealCancelsLoss(t *testing.T) {
	p, _ := pair(t)
	require.NoError(t, p.LoseReplies(1, nil))
	require.NoError(t, p.Heal())
	served(t, p)
	require.Zero(t, p.Lost())
}

func TestLostCommitIsCommitted(t *testing.T) {
	server := testservers.MariaDB(t)
	direct := openDB(t, testservers.Database(t))
	_, err := direct.Exec("CREATE TABLE a (id INT PRIMARY KEY)")
	require.NoError(t, err)
	var name string
	require.NoError(t, direct.QueryRow("SELECT DATABASE()").Scan(&name))
	noLeak(t)
	p := start(t, server.Addr())
	config, err := mysql.ParseDSN(server.DSN(name))
	require.NoError(t, err)
	config.Addr, config.Logger = p.Addr(), new(mysql.NopLogger)
	connector, err := mysql.NewConnector(config)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { require.NoError(t, db.Close()) })

	for id, lose := range []func(int, []byte) error{p.LoseReplies, p.MuteReplies} {
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.Exec("INSERT INTO a VALUES (?)", id)
		require.NoError(t, err)
		require.NoError(t, lose(1, []byte("\x03COMMIT")))
		answered := make(chan error, 1)
		go func() { answered <- tx.Commit() }()
		require.Eventually(t, func() bool { return p.Lost() == id+1 }, patience, tick)
		require.NoError(t, direct.QueryRow("SELECT id FROM a WHERE id = ?", id).Scan(&id), "it is committed")
		if id == 1 {
			// A muted client waits until it gives up, or until the connection ends.
			require.Empty(t, answered)
			require.NoError(t, p.Cut())
		}
		require.Error(t, <-answered)
	}
}

func TestLostScriptIsExecuted(t *testing.T) {
	server := testservers.Redis(t)
	key := testservers.Prefix(t)
	noLeak(t)
	direct := server.Client()
	t.Cleanup(func() { require.NoError(t, direct.Close()) })
	p := start(t, server.Addr())
	script := redis.NewScript("return redis.call('INCR', KEYS[1])")
	require.NoError(t, script.Load(t.Context(), direct).Err())

	for _, c := range []struct {
		retries int
		want    string
		fails   bool
	}{
		{retries: -1, want: "1", fails: true},
		{retries: 0, want: "2"}, // go-redis's default of 3
	} {
		t.Run(fmt.Sprint("retries ", c.retries), func(t *testing.T) {
			key := fmt.Sprint(key, c.retries)
			client := redis.NewClient(&redis.Options{Addr: p.Addr(), MaxRetries: c.retries})
			t.Cleanup(func() { require.NoError(t, client.Close()) })
			require.NoError(t, client.Ping(t.Context()).Err())
			before := p.Lost()
			require.NoError(t, p.LoseReplies(1, []byte("evalsha")))
			err := script.EvalSha(t.Context(), client, []string{key}).Err()
			require.Equal(t, c.fails, err != nil, "%v", err)
			require.Equal(t, before+1, p.Lost())
			require.Equal(t, c.want, direct.Get(context.Background(), key).Val())
		})
	}
}

func openDB(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}
