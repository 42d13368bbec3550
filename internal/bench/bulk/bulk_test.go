package bulk_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/bench/bulk"
	"stockhold/internal/leaktest"
	"stockhold/internal/testservers"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestLoadKeepsEveryByte(t *testing.T) {
	db := open(t)
	odd := []byte{0, '\t', '\n', '\\', '\r', 'N', 0xff, '\'', '"', ','}
	require.NoError(t, bulk.Load(t.Context(), db, "things", "id, name, raw, gone", func(w *bulk.Writer) error {
		for i := range 1000 {
			if err := w.Row(i, "täglich\\\t", odd, bulk.Null{}); err != nil {
				return err
			}
		}
		return nil
	}))
	var rows int
	require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM things WHERE name = ? AND raw = ? AND gone IS NULL", "täglich\\\t", odd).Scan(&rows))
	require.Equal(t, 1000, rows)
}

func TestLoadTellsWhyItFailed(t *testing.T) {
	db := open(t)
	made := errors.New("no more rows")
	err := bulk.Load(t.Context(), db, "things", "id", func(*bulk.Writer) error { return made })
	require.ErrorIs(t, err, made)

	err = bulk.Load(t.Context(), db, "nothing", "id", func(w *bulk.Writer) error {
		for i := range 100_000 {
			if err := w.Row(i); err != nil {
				return err
			}
		}
		return nil
	})
	require.ErrorContains(t, err, "nothing")
}

func open(t *testing.T) *sql.DB {
	db, err := sql.Open("mysql", testservers.Database(t)+"?charset=utf8mb4")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.Exec("CREATE TABLE things (id INT PRIMARY KEY, name VARCHAR(64) CHARACTER SET utf8mb4 NULL, raw VARBINARY(64) NULL, gone DATETIME NULL)")
	require.NoError(t, err)
	return db
}
