package testservers

import (
	"context"
	"errors"
	"sync"
)

// startMany starts n servers at once. If one fails, none stays.
func startMany(ctx context.Context, n int, start func(context.Context) (*RedisServer, error)) ([]*RedisServer, error) {
	servers, errs := make([]*RedisServer, n), make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { servers[i], errs[i] = start(ctx) })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, closeAll(servers))
	}
	return servers, nil
}

// closeAll closes every server that is not nil.
func closeAll(servers []*RedisServer) error {
	var errs []error
	for _, s := range servers {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}
