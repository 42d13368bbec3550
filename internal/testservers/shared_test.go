package testservers_test

import (
	"database/sql"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

func TestDatabaseIsFreshAndDropped(t *testing.T) {
	var dsn string
	outer := t
	t.Run("use", func(t *testing.T) {
		dsn = testservers.Database(t)
		require.NotEqual(t, dsn, testservers.Database(t))
		db := open(t, dsn)
		_, err := db.Exec("CREATE TABLE a (id INT PRIMARY KEY)")
		require.NoError(t, err)

		// A session that a test forgot, inside a transaction, must not hold up the drop.
		forgotten, err := sql.Open("mysql", dsn)
		require.NoError(t, err)
		outer.Cleanup(func() { require.NoError(outer, forgotten.Close()) })
		forgotten.SetMaxOpenConns(1)
		_, err = forgotten.Exec("START TRANSACTION")
		require.NoError(t, err)
		_, err = forgotten.Exec("INSERT INTO a VALUES (1)")
		require.NoError(t, err)
	})
	_, err := open(t, dsn).Exec("SELECT 1")
	require.ErrorContains(t, err, "Unknown database")
}

func TestSharedServersStayTheSame(t *testing.T) {
	require.Same(t, testservers.MariaDB(t), testservers.MariaDB(t))
	require.Same(t, testservers.Redis(t), testservers.Redis(t))
	require.Regexp(t, regexp.MustCompile(`^redis://127\.0\.0\.1:\d+/0$`), testservers.Redis(t).URL())
}

func TestPrefix(t *testing.T) {
	t.Run("odd / name, ünïcode and rather long", func(t *testing.T) {
		prefix := testservers.Prefix(t)
		require.Regexp(t, regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`), prefix)
		require.NotEqual(t, prefix, testservers.Prefix(t))
	})
}

// open returns connections that are closed when the test ends.
func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}
