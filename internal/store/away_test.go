package store_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// A read-only server is away: the ledger says so, and goes on by itself when it
// may be written again.
func TestReadOnlyServerIsAway(t *testing.T) {
	server := testservers.NewMariaDB(t, testservers.MariaDBOptions{})
	dsn := testservers.DatabaseOn(t, server)
	s := openMariaDB(t, dsn)
	service := serve(t, s)
	stocked(t, service, "A", 5)

	root, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	defer root.Close()
	_, err = root.Exec("CREATE USER app@'%' IDENTIFIED BY 'app'") // root may always write
	require.NoError(t, err)
	_, err = root.Exec("GRANT ALL ON *.* TO app@'%'")
	require.NoError(t, err)
	_, err = root.Exec("REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM app@'%'")
	require.NoError(t, err)
	asApp := func() *store.Store {
		opened, err := store.OpenMySQL("app:app"+dsn[len("root"):], store.Options{})
		return ready(t, opened, err)
	}
	app := asApp()
	held := serve(t, app)
	_, err = root.Exec("SET GLOBAL read_only = ON")
	require.NoError(t, err)
	require.ErrorIs(t, app.Ping(t.Context()), reservation.ErrAway)
	require.ErrorIs(t, hold(t, held, id("1"), line("A", 1)).Err, reservation.ErrUnavailable)
	stock, err := held.GetStock(t.Context(), key("A"))
	require.NoError(t, err)
	require.Equal(t, inventory.Stock{Key: key("A"), OnHand: 5, Version: 1}, stock, "it can still be read")

	_, err = root.Exec("SET GLOBAL read_only = OFF")
	require.NoError(t, err)
	require.NoError(t, app.Ping(t.Context()))
	require.NoError(t, hold(t, held, id("1"), line("A", 1)).Err)
}
