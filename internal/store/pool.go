package store

import (
	"database/sql"
	"fmt"

	"gorm.io/gorm"
)

// Pools tells of the connections to the database, by what they are for: one pool
// for MySQL, and for SQLite the one writer apart from the readers.
func (s *Store) Pools() (map[string]sql.DBStats, error) {
	if s.read == s.write {
		return poolStats(map[string]*gorm.DB{"ledger": s.write})
	}
	return poolStats(map[string]*gorm.DB{"ledger.write": s.write, "ledger.read": s.read})
}

func poolStats(databases map[string]*gorm.DB) (map[string]sql.DBStats, error) {
	stats := make(map[string]sql.DBStats, len(databases))
	for name, db := range databases {
		pool, err := db.DB()
		if err != nil {
			return nil, fmt.Errorf("store: look at the pool %s: %w", name, err)
		}
		stats[name] = pool.Stats()
	}
	return stats, nil
}
