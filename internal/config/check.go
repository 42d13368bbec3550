package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper/decider"
)

// checker collects what is wrong, so that one start tells all of it.
type checker struct{ faults []error }

func (c *checker) fault(setting, format string, args ...any) {
	c.faults = append(c.faults, &Fault{Flag: setting, Err: fmt.Errorf(format, args...)})
}

func (c *checker) number(setting string, value, least, most int64) {
	if value < least || value > most {
		c.fault(setting, "is %d, must be %d to %d", value, least, most)
	}
}

func (c *checker) duration(setting string, value, least, most time.Duration) {
	if value < least || value > most {
		c.fault(setting, "is %s, must be %s to %s", value, least, most)
	}
}

func (c *checker) address(setting, value string) {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		c.fault(setting, "is %q, must be host:port, such as 127.0.0.1:8080 or :8080", value)
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		c.fault(setting, "is %q: port %q must be a number from 0 to 65535", value, port)
	}
}

func (c *Config) check() error {
	k := &checker{}
	c.Stores.check(k)
	c.Server.check(k)
	c.Security.check(k, c.Sweeper.Deciders)
	c.Sweeper.check(k, c.Limits)
	c.Ledger.check(k)
	c.Limits.check(k)
	c.Client.check(k)
	if !c.Stores.Embedded() && c.Stores.MySQLConnections < c.Ledger.Committers+spareConnections {
		k.fault("mysql-connections", "is %d, must be at least %d more than %s, which is %d",
			c.Stores.MySQLConnections, spareConnections, named("ledger-committers"), c.Ledger.Committers)
	}
	if c.Sweeper.ReapGrace <= c.Server.CallTimeout {
		k.fault("sweep-reap-grace", "is %s, must be longer than %s, which is %s: a call under way is not to be reaped",
			c.Sweeper.ReapGrace, named("call-timeout"), c.Server.CallTimeout)
	}
	return errors.Join(k.faults...)
}

// spareConnections are for all that is no committer's: readers, the sweeper,
// calls that wait for a locked row, probes.
const spareConnections = 6

func (s Stores) check(k *checker) {
	if s.Embedded() && s.Data == "" {
		k.fault("data", "is empty: the embedded ledger needs a folder")
	}
	if s.RedisURL != "" && s.Embedded() {
		// A Redis is there to be shared, the embedded ledger belongs to one process.
		// Most likely the DSN was forgotten, and orders are about to be kept in a
		// file that goes with the container.
		k.fault("redis-url", "needs %s beside it: the embedded ledger has a gate of its own", named("mysql-dsn"))
	}
	if s.RedisURL != "" {
		if gate, err := inventory.Open(s.RedisURL, inventory.Options{}); err != nil {
			k.fault("redis-url", "cannot be read: %v", err) // which quotes nothing of it
		} else if err := gate.Close(); err != nil { // it had not connected to anything
			k.faults = append(k.faults, err)
		}
	}
	if !s.Embedded() {
		if dsn, err := mysql.ParseDSN(s.MySQLDSN); err != nil {
			k.fault("mysql-dsn", "is malformed: %s", whyNoDSN(err))
		} else if dsn.DBName == "" {
			k.fault("mysql-dsn", "names no database: user:password@tcp(host:3306)/DATABASE")
		}
	}
	if !name.MatchString(s.RedisPrefix) || len(s.RedisPrefix) > 64 {
		k.fault("redis-prefix", "is %q, must be 1 to 64 of A-Z a-z 0-9 . _ : -", s.RedisPrefix)
	}
	k.number("mysql-connections", int64(s.MySQLConnections), 1, 10_000)
	k.duration("mysql-wait", s.MySQLWait, 0, time.Hour)
	if s.GateTimeout != 0 {
		k.duration("gate-timeout", s.GateTimeout, time.Millisecond, time.Minute)
	}
}

// whyNoDSN is the parser's reason, unless that repeats a part of what it read. A
// slash or an @ that is missing makes the password a part of anything.
func whyNoDSN(err error) string {
	if reason := err.Error(); strings.HasPrefix(reason, "invalid DSN: ") {
		return reason
	}
	return "the name of the database or a parameter after it cannot be read"
}

// name is what ids, owners and the prefix of keys are made of.
var name = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)

func (s Server) check(k *checker) {
	k.address("listen", s.Listen)
	k.duration("call-timeout", s.CallTimeout, time.Millisecond, 10*time.Minute)
	if s.BodyLimit < 1<<10 || s.BodyLimit > 64<<20 {
		k.fault("body-limit", "is %s, must be 1.0 KiB to 64 MiB", s.BodyLimit)
	}
	k.number("max-calls", int64(s.MaxCalls), 1, 1<<20)
	k.duration("drain-delay", s.DrainDelay, 0, 10*time.Minute)
	k.duration("drain-timeout", s.DrainTimeout, 0, 10*time.Minute)
}

func (s Sweeper) check(k *checker, limits Limits) {
	for _, owner := range s.Deciders.Owners() {
		if !name.MatchString(owner) || len(owner) > limits.IDLength {
			k.fault("deciders", "has owner %s, must be 1 to %d of A-Z a-z 0-9 . _ : -", shown(owner), limits.IDLength)
		}
		if _, err := decider.New(s.Deciders[owner], decider.Options{}); err != nil {
			k.fault("deciders", "names no decider for owner %s: %v", shown(owner), err) // says nothing of what may be a secret
		}
	}
	k.duration("decider-timeout", s.DeciderTimeout, time.Millisecond, 5*time.Minute)
	k.number("decider-questions", int64(s.DeciderQuestions), 1, 500)
	k.number("decider-parallel", int64(s.DeciderParallel), 1, 256)
	if s.Listen != "" {
		k.address("sweep-listen", s.Listen)
	}
	k.duration("sweep-interval", s.Interval, time.Millisecond, time.Hour)
	k.duration("sweep-lease", s.Lease, time.Millisecond, time.Hour)
	if 3*s.DeciderTimeout > s.Lease {
		k.fault("sweep-lease", "is %s, must be at least three times %s, which is %s: time to ask and to act before another sweeper claims the same holds",
			s.Lease, named("decider-timeout"), s.DeciderTimeout)
	}
	k.duration("sweep-backoff", s.Backoff, time.Millisecond, 24*time.Hour)
	k.duration("sweep-slowest", s.Slowest, time.Millisecond, 24*time.Hour)
	if s.Slowest < s.Backoff {
		k.fault("sweep-slowest", "is %s, must be at least %s, which is %s", s.Slowest, named("sweep-backoff"), s.Backoff)
	}
	k.number("sweep-park-after", int64(s.ParkAfter), 1, 30_000)
	k.duration("sweep-reap-grace", s.ReapGrace, time.Millisecond, 24*time.Hour)
	for _, keep := range []struct {
		setting string
		value   time.Duration
	}{{"keep-ended", s.KeepEnded}, {"keep-tombstones", s.KeepTombstones}, {"keep-adjustments", s.KeepAdjustments}} {
		k.duration(keep.setting, keep.value, time.Minute, 100*365*24*time.Hour)
	}
}

func (l Ledger) check(k *checker) {
	k.number("ledger-committers", int64(l.Committers), 1, 64)
	k.number("ledger-batch-lines", int64(l.BatchLines), 1, 1<<16)
	k.number("ledger-queue-lines", int64(l.QueueLines), 1, 1<<24)
	k.duration("ledger-queue-wait", l.QueueWait, time.Millisecond, 10*time.Minute)
	k.duration("ledger-batch-timeout", l.BatchTimeout, 100*time.Millisecond, 10*time.Minute)
}

func (l Limits) check(k *checker) {
	// The ledger's columns are as wide as the defaults, and the wire counts units of
	// a line in 32 bits; Redis adds up units exactly as far as 2^53.
	widest := reservation.DefaultLimits()
	k.number("limit-id-length", int64(l.IDLength), 8, int64(widest.IDLength))
	k.number("limit-sku-length", int64(l.SKULength), 1, int64(widest.SKULength))
	k.number("limit-text-length", int64(l.TextLength), 1, int64(widest.TextLength))
	k.number("limit-lines", int64(l.Lines), 1, maxLines)
	k.number("limit-quantity", l.Quantity, 1, 1<<31-1)
	k.number("limit-on-hand", l.OnHand, 1, 1e15)
	k.duration("limit-min-ttl", l.MinTTL, time.Millisecond, 365*24*time.Hour)
	k.duration("limit-max-ttl", l.MaxTTL, time.Second, 365*24*time.Hour)
	if l.MinTTL > l.MaxTTL {
		k.fault("limit-min-ttl", "is %s, more than %s, which is %s", l.MinTTL, named("limit-max-ttl"), l.MaxTTL)
	} else if l.DefaultTTL < l.MinTTL || l.DefaultTTL > l.MaxTTL {
		k.fault("default-ttl", "is %s, must be within %s and %s, which are %s and %s",
			l.DefaultTTL, named("limit-min-ttl"), named("limit-max-ttl"), l.MinTTL, l.MaxTTL)
	}
	k.number("limit-batch", int64(l.Batch), 1, 10_000)
	k.number("limit-page-size", int64(l.PageSize), 1, 1000)
}

// maxLines is about what the gate freezes in one call without keeping every
// other caller waiting.
const maxLines = 4000
