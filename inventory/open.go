package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// dialTimeout leaves room for a TLS handshake. A caller does not wait longer for
// it than for anything else.
const dialTimeout = 500 * time.Millisecond

// clusterReload is how old the client's picture of a Cluster may get under load.
// A master that died is silent or refuses connections, and never says MOVED: only
// a new picture leads to the replica that took over. go-redis takes one a minute,
// and for as long the ledger would work alone.
const clusterReload = 2 * time.Second

// errAddress says nothing of the URL that it is about, which holds a password.
var errAddress = errors.New("cannot be read: want redis://user:password@host:port/db, rediss://... or unix://..., " +
	"with special characters of the password percent-encoded")

// Open makes a gate in front of the Redis (7 or newer, or Valkey) at a URL, in the
// forms that go-redis documents for ParseURL, ParseFailoverURL and ParseClusterURL:
//
//	redis://user:password@host:6379/0                           one server
//	unix://user:password@/path/to/redis.sock?db=0               one server, by socket
//	redis://host:26379/0?master_name=shop&addr=host2:26379      Sentinel: has a master_name
//	redis://user:password@host:6379?addr=host2:6379             Cluster: has an addr, and no master_name
//
// With rediss:// the connections use TLS. A cluster of which one address is known
// names that one twice. With Sentinel, user and password in front of the host are
// for the sentinels; those of Redis itself are the parameters username and
// password. Other parameters are go-redis's, such as pool_size=50, skip_verify=true
// or read_timeout=1s. Time-outs that are not set follow Options.Timeout: they are
// short, since the ledger is there when the gate is not.
//
// Open does not connect: a gate that is away is never a reason not to start.
func Open(address string, options Options) (*Gate, error) {
	options = options.withDefaults(defaultTimeout)
	client, err := connect(address, options.Timeout)
	if err != nil {
		return nil, fmt.Errorf("redis url: %w", err)
	}
	return newGate(client, newScripts(), options, func() {})
}

// connect makes the client that the URL asks for. Every kind heeds the caller's
// deadline and gives up soon. Notices of maintenance would stretch the time-outs,
// so they are off.
func connect(address string, timeout time.Duration) (redis.UniversalClient, error) {
	target, err := url.Parse(address)
	if err != nil || strings.Contains(target.Path+target.RawQuery, "@") {
		return nil, errAddress
	}
	redis.SetLogger(clientLog{}) // of the whole process
	query := withLimits(target.Query(), timeout)
	for _, name := range []string{"read_only", "replica_only", "route_by_latency", "route_randomly"} {
		if query.Has(name) {
			return nil, fmt.Errorf("parameter %s: the gate reads and writes on masters only", name)
		}
	}
	target.RawQuery = query.Encode()
	noNotices := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(target.String())
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled = true
		o.DialerRetries = cmp.Or(o.DialerRetries, 1)
		return redis.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(target.String())
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled = true
		o.DialerRetries = cmp.Or(o.DialerRetries, 1)
		o.MaintNotificationsConfig = noNotices
		o.ClusterStateReloadInterval = clusterReload
		return redis.NewClusterClient(o), nil
	default:
		o, err := redis.ParseURL(target.String())
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled = true
		o.DialerRetries = cmp.Or(o.DialerRetries, 1)
		o.MaintNotificationsConfig = noNotices
		return redis.NewClient(o), nil
	}
}

// clientLog keeps go-redis, which writes to stderr, to what nobody needs unless
// they look for it: the gate reports each error itself.
type clientLog struct{}

func (clientLog) Printf(ctx context.Context, format string, values ...any) {
	slog.DebugContext(ctx, "go-redis: "+fmt.Sprintf(format, values...))
}

// withLimits sets what the URL leaves open. A call is repeated at most once, for
// connections that died unnoticed while idle; the scripts are safe to run twice.
func withLimits(query url.Values, timeout time.Duration) url.Values {
	for name, value := range map[string]string{
		"dial_timeout":  dialTimeout.String(),
		"read_timeout":  timeout.String(),
		"write_timeout": timeout.String(),
		"pool_timeout":  timeout.String(),
		"max_retries":   "1",
	} {
		if !query.Has(name) {
			query.Set(name, value)
		}
	}
	return query
}
