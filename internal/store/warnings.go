package store

import (
	"context"
	"fmt"
)

// Warnings tells which settings of the server weaken what a COMMIT promises. They
// are the operator's choice, and never a reason not to serve. The embedded
// database is set up by this package and has none.
func (s *Store) Warnings(ctx context.Context) ([]string, error) {
	if s.dialect.name != "mysql" {
		return nil, nil
	}
	var set struct {
		Flush      int64
		Binlog     bool
		SyncBinlog int64
	}
	err := s.read.WithContext(ctx).Raw("SELECT @@global.innodb_flush_log_at_trx_commit AS flush, @@global.log_bin AS binlog, @@global.sync_binlog AS sync_binlog").Scan(&set).Error
	if err != nil {
		return nil, s.fail("read the durability settings", err)
	}
	var warnings []string
	if set.Flush != 1 {
		warnings = append(warnings, fmt.Sprintf("innodb_flush_log_at_trx_commit is %d, not 1: a crash of the database's machine can lose holds that were answered OK", set.Flush))
	}
	if set.Binlog && set.SyncBinlog != 1 {
		warnings = append(warnings, fmt.Sprintf("sync_binlog is %d, not 1: after a crash of the database's machine its replicas can miss, or have, what it has not", set.SyncBinlog))
	}
	return warnings, nil
}
