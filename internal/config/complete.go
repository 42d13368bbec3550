package config

import (
	"errors"
	"fmt"
	"strings"
)

// maxSecret bounds a secret file, in bytes: a path that names something else is
// noticed instead of read.
const maxSecret = 64 << 10

// Complete reads the secrets that are kept in files into their settings, and
// then checks every value, alone and with the others. The error names each
// setting that is wrong, its value (unless it is secret) and what would be right.
func (c *Config) Complete() error {
	dsn, dsnErr := secret("mysql-dsn", c.Stores.MySQLDSN, c.Stores.MySQLDSNFile)
	redis, redisErr := secret("redis-url", c.Stores.RedisURL, c.Stores.RedisURLFile)
	if err := errors.Join(dsnErr, redisErr); err != nil {
		return err
	}
	c.Stores.MySQLDSN, c.Stores.RedisURL = dsn, redis
	c.Stores.MySQLDSNFile, c.Stores.RedisURLFile = "", ""
	return c.check()
}

// secret is the value itself or, if a file is named, what the file holds without
// the line break at its end.
func secret(setting, value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	if value != "" {
		return "", &Fault{Flag: setting, Err: fmt.Errorf("and %s are both set: which one holds?", named(setting+"-file"))}
	}
	fault := func(format string, args ...any) (string, error) {
		return "", &Fault{Flag: setting + "-file", Err: fmt.Errorf(format, args...)}
	}
	text, err := readBounded(file, maxSecret)
	if err != nil {
		return fault("cannot be read: %w", err)
	}
	value = strings.TrimRight(string(text), "\r\n")
	if strings.TrimSpace(value) == "" {
		return fault("names %s, which is empty", file)
	}
	return value, nil
}
