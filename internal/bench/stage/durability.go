package stage

import (
	"context"
	"fmt"
	"regexp"
)

// Setting is one that decides what an answer is worth, as the server has it.
type Setting struct {
	Server string `json:"server"`
	Name   string `json:"name"`
	Value  string `json:"value"`
}

// What is asked of MariaDB and of Redis.
var (
	mariadbSettings = []string{
		"version", "innodb_flush_log_at_trx_commit", "log_bin", "sync_binlog", "binlog_format", "innodb_doublewrite",
		"innodb_flush_method", "innodb_buffer_pool_size", "innodb_log_file_size", "max_connections",
	}
	redisSettings = []string{"appendonly", "appendfsync", "save", "maxmemory"}
)

// Settings reads them back from the servers.
func (s *Stage) Settings(ctx context.Context) ([]Setting, error) {
	db, err := s.Admin()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var all []Setting
	for _, name := range mariadbSettings {
		var value string
		if err := db.QueryRowContext(ctx, "SELECT @@global."+name).Scan(&value); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		all = append(all, Setting{"MariaDB", name, value})
	}
	client := s.Redis()
	defer client.Close()
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return nil, fmt.Errorf("read the version of Redis: %w", err)
	}
	if found := redisVersion.FindStringSubmatch(info); found != nil {
		all = append(all, Setting{"Redis", "version", found[1]})
	}
	for _, name := range redisSettings {
		values, err := client.ConfigGet(ctx, name).Result()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		all = append(all, Setting{"Redis", name, fmt.Sprintf("%q", values[name])})
	}
	return all, nil
}

var redisVersion = regexp.MustCompile(`redis_version:(\S+)`)
