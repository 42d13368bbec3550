package access

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrUnauthenticated: the caller did not prove who it is.
	ErrUnauthenticated = errors.New("who calls is not known")
	// ErrDenied: the caller is known, and may not do this.
	ErrDenied = errors.New("not allowed")
)

// Caller is who makes a call, as the policy knows it.
type Caller struct {
	Name  string
	Quota CallerQuota

	roles     Role
	owners    map[string]struct{}
	allOwners bool
}

// CallerQuota is how much one caller may ask for; 0: the configured default.
type CallerQuota struct {
	Rate   float64 // calls a second
	Burst  int     // calls at once after a pause
	AtOnce int     // calls under way
}

// Acts reports whether the caller may act for an owner.
func (c *Caller) Acts(owner string) bool {
	if c.allOwners {
		return true
	}
	_, ok := c.owners[owner]
	return ok
}

// Reads reports whether the caller may see an owner's reservations: those for
// whom it acts, and an operator all.
func (c *Caller) Reads(owner string) bool { return c.roles&Operator != 0 || c.Acts(owner) }

// may reports whether the caller's roles allow a path, and why not.
func (c *Caller) may(path string) error {
	if c.roles&permissions[path] == 0 {
		return fmt.Errorf("%w: the roles of %s (%s) do not include this call", ErrDenied, c.Name, c.roles)
	}
	if needsAllOwners[path] && c.roles&Operator == 0 && !c.allOwners {
		return fmt.Errorf("%w: this shows something of every owner, and %s may not speak for all", ErrDenied, c.Name)
	}
	return nil
}

type callerKey struct{}

// WithCaller is a context of calls by c.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns who makes the call of a context. Without one it is a caller
// who may nothing: what forgot to ask must not let anybody through.
func CallerOf(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	return &Caller{Name: "nobody"}
}

// NameOf is the name of who makes the call of a context, for the log; empty where
// nobody is asked who calls.
func NameOf(ctx context.Context) string {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c.Name
	}
	return ""
}
