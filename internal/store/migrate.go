package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// What CheckSchema finds wrong.
var (
	ErrSchemaOld = errors.New("the database's schema is older than this program: run stockhold migrate")
	ErrSchemaNew = errors.New("the database's schema is newer than this program: run a newer stockhold")
)

// Applied is a migration that Migrate ran.
type Applied struct {
	Version int64
	Name    string
}

// Migrate brings the schema up to date, one numbered migration after the other,
// and tells which it ran. Two at the same time wait for each other.
func (s *Store) Migrate(ctx context.Context) (applied []Applied, err error) {
	provider, pool, err := s.migrator()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.endMigrator(pool)) }()
	unlock, err := s.lockMigrations(ctx, pool)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	results, err := provider.Up(ctx)
	for _, r := range results {
		applied = append(applied, Applied{r.Source.Version, r.Source.Path})
	}
	if err != nil {
		return applied, fmt.Errorf("store: migrate %s: %w", s.where, err)
	}
	return applied, nil
}

// Schema tells the version of the database and the one this program wants.
func (s *Store) Schema(ctx context.Context) (have, want int64, err error) {
	provider, pool, err := s.migrator()
	if err != nil {
		return 0, 0, err
	}
	have, want, err = provider.GetVersions(ctx)
	if err := errors.Join(s.fail("read the schema's version", err), s.endMigrator(pool)); err != nil {
		return 0, 0, err
	}
	return have, want, nil
}

// CheckSchema returns nil, ErrSchemaOld or ErrSchemaNew, wrapped with the versions.
func (s *Store) CheckSchema(ctx context.Context) error {
	have, want, err := s.Schema(ctx)
	switch {
	case err != nil:
		return err
	case have < want:
		return fmt.Errorf("%w (it is at %d, wanted is %d)", ErrSchemaOld, have, want)
	case have > want:
		return fmt.Errorf("%w (it is at %d, this program knows %d)", ErrSchemaNew, have, want)
	}
	return nil
}

// migrator makes what runs migrations. On MySQL it has connections of its own:
// a change of a large table takes longer than any statement of the ledger may.
func (s *Store) migrator() (*goose.Provider, *sql.DB, error) {
	pool, err := s.write.DB()
	if err == nil && s.patient != nil {
		pool, err = openPatient(s.patient)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	dialect := goose.DialectMySQL
	if s.dialect.name == "sqlite" {
		dialect = goose.DialectSQLite3
	}
	files, err := fs.Sub(migrations, "migrations/"+s.dialect.name)
	if err == nil {
		var provider *goose.Provider
		if provider, err = goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true)); err == nil {
			return provider, pool, nil
		}
	}
	return nil, nil, errors.Join(fmt.Errorf("store: %w", err), s.endMigrator(pool))
}

// endMigrator closes the connections that migrator opened.
func (s *Store) endMigrator(pool *sql.DB) error {
	if s.patient == nil {
		return nil
	}
	return pool.Close()
}

// migrationWait is how many seconds one migration waits for another.
const migrationWait = 60

// lockMigrations keeps two processes from migrating at once. MySQL's DDL cannot
// be rolled back, so goose's transactions would not be enough.
func (s *Store) lockMigrations(ctx context.Context, pool *sql.DB) (unlock func() error, err error) {
	if s.dialect.name != "mysql" {
		return func() error { return nil }, nil
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, s.fail("lock migrations", err)
	}
	var got sql.NullInt64
	err = conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('stockhold.migrate.', DATABASE()), ?)", migrationWait).Scan(&got)
	if err != nil {
		return nil, errors.Join(s.fail("lock migrations", err), conn.Close())
	}
	if got.Int64 != 1 {
		return nil, errors.Join(fmt.Errorf("store: another migration of %s did not end within %d s", s.where, migrationWait), conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(CONCAT('stockhold.migrate.', DATABASE()))")
		return errors.Join(err, conn.Close())
	}, nil
}
