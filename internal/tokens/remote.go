package tokens

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxKeySet    = 1 << 20 // bytes
	fetchTimeout = 10 * time.Second
	refreshEvery = 5 * time.Minute
	// However many tokens name a key that is not there, the keys are not fetched
	// more often than this.
	fetchPause = 10 * time.Second
)

// Remote is keys at a URL. Run fetches them time and again.
type Remote struct {
	url     string
	client  *http.Client
	bearer  func() string
	log     *slog.Logger
	refresh time.Duration
	pause   time.Duration

	current  atomic.Pointer[fetched]
	missing  chan struct{} // one message at most
	fetching sync.Mutex
}

type fetched struct {
	keys    *Keys
	sum     [sha256.Size]byte
	version uint64
}

// RemoteOptions shape the requests for keys.
type RemoteOptions struct {
	TLS    func() *tls.Config // asked before each connection
	Bearer func() string      // the token to show to the key server; nil: none
	Logger *slog.Logger
}

// NewRemote does not connect yet.
func NewRemote(address string, opts RemoteOptions) (*Remote, error) {
	if err := CheckURL(address); err != nil {
		return nil, err
	}
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: fetchTimeout}}
	transport := &http.Transport{
		DisableKeepAlives:      true, // once in minutes
		MaxResponseHeaderBytes: 64 << 10,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			secured := *dialer
			secured.Config = opts.TLS()
			return secured.DialContext(ctx, network, addr)
		},
	}
	return &Remote{
		url: address, bearer: opts.Bearer, log: opts.Logger, refresh: refreshEvery, pause: fetchPause,
		missing: make(chan struct{}, 1),
		client: &http.Client{Transport: transport, Timeout: fetchTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("a key server must not redirect")
		}},
	}, nil
}

// CheckURL accepts https, and http on this machine: who can change the keys on
// their way can sign for anybody. Its errors do not repeat the address.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("it is no URL")
	case u.User != nil:
		return errors.New("it has a user or a password in it")
	case u.Hostname() == "":
		return errors.New("it names no host")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("want https (or http on a loopback address)")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Keys implements Source.
func (r *Remote) Keys() (*Keys, uint64) {
	current := r.current.Load()
	if current == nil {
		return nil, 0
	}
	return current.keys, current.version
}

// Missing implements Source: it never waits.
func (r *Remote) Missing() {
	select {
	case r.missing <- struct{}{}:
	default:
	}
}

// Run fetches the keys at once, and again every few minutes, when one is missing,
// and soon after a failure, until ctx ends. What could not be fetched leaves the
// keys as they were.
func (r *Remote) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := r.refresh
		if err := r.Fetch(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("the token issuer's keys could not be fetched: those known stay in force", "error", err)
			wait = r.pause
		}
		if !sleep(ctx, min(r.pause, wait), nil) {
			return nil
		}
		sleep(ctx, wait-r.pause+rand.N(r.pause), r.missing)
	}
	return nil
}

// sleep waits, and reports whether ctx still goes on.
func sleep(ctx context.Context, wait time.Duration, or <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-or:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// Fetch fetches the keys now.
func (r *Remote) Fetch(ctx context.Context) error {
	r.fetching.Lock()
	defer r.fetching.Unlock()
	text, err := r.get(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	before := r.current.Load()
	if before != nil && before.sum == sum {
		return nil
	}
	keys, err := ParseKeys(text)
	if err != nil {
		return err
	}
	next := &fetched{keys: keys, sum: sum, version: 1}
	if before != nil {
		next.version = before.version + 1
	}
	r.current.Store(next)
	r.log.Info("the token issuer's keys were fetched")
	return nil
}

func (r *Remote) get(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	if r.bearer != nil {
		request.Header.Set("Authorization", "Bearer "+r.bearer())
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the key server answered with status %d", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeySet {
		return nil, fmt.Errorf("the key set is longer than %d bytes", maxKeySet)
	}
	return text, nil
}
