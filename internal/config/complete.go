package config

import (
	"errors"
	"fmt"
	"io"
	"os"
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
	inFile := named(setting + "-file")
	if value != "" {
		return "", fmt.Errorf("%s and %s are both set: which one holds?", named(setting), inFile)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", inFile, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", inFile, err)
	}
	if len(text) > maxSecret {
		return "", fmt.Errorf("%s: %s has more than %d bytes", inFile, file, maxSecret)
	}
	value = strings.TrimRight(string(text), "\r\n")
	if strings.TrimSpace(value) == "" {
		return "", fmt.Errorf("%s: %s is empty", inFile, file)
	}
	return value, nil
}

// named is how messages speak of a setting: by its flag and its variable.
func named(flag string) string {
	return fmt.Sprintf("--%s (%s)", flag, Prefix+strings.ToUpper(strings.ReplaceAll(flag, "-", "_")))
}
