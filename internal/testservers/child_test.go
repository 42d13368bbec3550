package testservers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"stockhold/internal/testservers"
)

// childVariable tells the test binary that it is the child of TestNothingOutlivesAKilledProcess.
const childVariable = "TESTSERVERS_CHILD"

// child starts one server of each kind, says where they are, and waits for the end of its input.
func child() error {
	db, err := testservers.StartMariaDB(context.Background(), testservers.MariaDBOptions{BufferPoolMiB: 16})
	if err != nil {
		return err
	}
	cache, err := testservers.StartRedis(context.Background(), testservers.RedisOptions{})
	if err != nil {
		return err
	}
	fmt.Println(db.Pid(), cache.Pid(), filepath.Dir(db.Folder()))
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return errors.Join(db.Close(), cache.Close(), testservers.Shutdown())
}
