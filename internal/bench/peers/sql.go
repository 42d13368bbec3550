package peers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"stockhold/internal/bench/bulk"
	"stockhold/reservation"
)

// What all peers on SQL have in common: one pool, sized for a server of a few
// cores; READ COMMITTED, as Shopify runs it; statements interpolated by the
// driver, so that each is one round trip; deadlocks are tried again.
const (
	connections  = 32
	tries        = 20
	lockWait     = "5" // seconds
	duplicateKey = 1062
	lockTimeout  = 1205
	deadlock     = 1213
	rowChanged   = 1020 // MariaDB's other word for a conflict
)

func openDB(dsn string) (*sql.DB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("the peer's DSN: %w", err)
	}
	config.InterpolateParams = true
	config.ClientFoundRows = true
	config.ParseTime = true
	config.Loc = time.UTC
	config.Timeout = 5 * time.Second
	config.Collation = "ascii_bin"
	// As parameters of the session: sql.TxOptions would cost a round trip per transaction.
	config.Params = map[string]string{
		"tx_isolation":             "'READ-COMMITTED'",
		"innodb_lock_wait_timeout": lockWait,
		"time_zone":                "'+00:00'",
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("the peer's DSN: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// The tables of an order service that keeps its own holds. Ids compare by bytes;
// the key is the server's own, so that rows are appended.
var holdTables = []string{
	`CREATE TABLE holds (
		id             BIGINT           NOT NULL AUTO_INCREMENT,
		owner          VARCHAR(64)      NOT NULL,
		reservation_id VARCHAR(64)      NOT NULL,
		state          TINYINT UNSIGNED NOT NULL,
		created_at     DATETIME(6)      NOT NULL,
		expires_at     DATETIME(6)      NOT NULL,
		PRIMARY KEY (id),
		UNIQUE KEY by_id (owner, reservation_id),
		KEY by_expiry (state, expires_at)
	) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin`,
	`CREATE TABLE hold_lines (
		hold_id     BIGINT       NOT NULL,
		location_id VARCHAR(64)  NOT NULL,
		sku         VARCHAR(64)  NOT NULL,
		quantity    INT UNSIGNED NOT NULL,
		PRIMARY KEY (hold_id, location_id, sku)
	) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin`,
}

const stockTable = `CREATE TABLE stock (
	location_id VARCHAR(64) NOT NULL,
	sku         VARCHAR(64) NOT NULL,
	on_hand     BIGINT      NOT NULL,
	reserved    BIGINT      NOT NULL,
	committed   BIGINT      NOT NULL,
	PRIMARY KEY (location_id, sku)
) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin`

func createTables(ctx context.Context, db *sql.DB, tables ...string) error {
	for _, table := range tables {
		if _, err := db.ExecContext(ctx, table); err != nil {
			return fmt.Errorf("create a table: %w", err)
		}
	}
	return nil
}

// fillStock is the preparation of peers with one row per sku.
func fillStock(ctx context.Context, db *sql.DB, stock []Stock) error {
	if err := createTables(ctx, db, append(holdTables, stockTable)...); err != nil {
		return err
	}
	return bulk.Load(ctx, db, "stock", "location_id, sku, on_hand, reserved, committed", func(w *bulk.Writer) error {
		for _, s := range stock {
			if err := w.Row(reservation.DefaultName, s.SKU, s.OnHand, 0, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// transact runs do in a transaction, and again after a deadlock. A refusal rolls
// back and is the answer; so does a repeated id, which replays.
func transact(ctx context.Context, db *sql.DB, do func(tx *sql.Tx) error) error {
	var err error
	for range tries {
		if err = once(ctx, db, do); !isConflict(err) {
			return err
		}
	}
	return fmt.Errorf("gave up after %d tries: %w", tries, err)
}

func once(ctx context.Context, db *sql.DB, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			return errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit()
}

func isConflict(err error) bool {
	return hasNumber(err, deadlock) || hasNumber(err, lockTimeout) || hasNumber(err, rowChanged)
}

func hasNumber(err error, number uint16) bool {
	var server *mysql.MySQLError
	return errors.As(err, &server) && server.Number == number
}
