// Package decider asks an owner what it decided, over the wire: the client of
// DecisionService, which order services implement.
//
// The address comes from configuration only, and the answer comes from another
// team's service, so little of it is taken for granted. Redirects are refused,
// answers are bounded in size and time, compressed answers are not asked for,
// and the proxy settings of the environment are ignored: what is configured is
// who is asked. Whatever does not look like an answer is an error, and an error
// decides nothing.
//
// A decider can know who asks by a client certificate, or by a bearer token. Both
// are asked for anew when they are needed, so that they can be replaced while the
// program runs. A token goes to the configured address only, and never in clear
// text to another machine.
package decider

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/sweeper"
)

// Options shape a client. Zero fields take the defaults.
type Options struct {
	Timeout     time.Duration // one request, from dialing to the last byte, if the caller's deadline does not end it sooner; default 30 s
	DialTimeout time.Duration // connecting, and the TLS handshake; default 2 s each
	MaxResponse int           // bytes of an answer; default 1 MiB
	// TLS is for https, and asked before each connection; default: the system's
	// authorities, no certificate, TLS 1.2 or newer.
	TLS func() *tls.Config
	// Token is shown to the decider with each request as a bearer token; default:
	// none. It needs https, or a loopback address.
	Token func() string
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.DialTimeout <= 0 {
		o.DialTimeout = 2 * time.Second
	}
	if o.MaxResponse <= 0 {
		o.MaxResponse = 1 << 20
	}
	if o.TLS == nil {
		o.TLS = func() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }
	}
	return o
}

// Client asks one address. It is safe for concurrent use.
type Client struct {
	service   stockholdv1connect.DecisionServiceClient
	transport *http.Transport
	timeout   time.Duration
	token     func() string // nil: none
}

var _ sweeper.Decider = (*Client)(nil)

// errRedirect refuses to be sent elsewhere: only configuration says who decides.
var errRedirect = errors.New("a decider must not redirect")

// New makes a client of the DecisionService at a base URL, such as
// https://orders.internal:8443 or http://gateway/orders, to which the path of the
// call is added. It does not connect: an owner that is away is asked later.
func New(address string, opts Options) (*Client, error) {
	opts = opts.withDefaults()
	if err := checkURL(address); err != nil {
		return nil, fmt.Errorf("decider url: %w", err)
	}
	if opts.Token != nil && !keepsSecrets(address) {
		return nil, fmt.Errorf("decider url: %w", errReadable)
	}
	tracing, err := otelconnect.NewInterceptor(otelconnect.WithoutMetrics(), otelconnect.WithoutTraceEvents())
	if err != nil {
		return nil, fmt.Errorf("make the tracing interceptor: %w", err)
	}
	dialer := &net.Dialer{Timeout: opts.DialTimeout}
	transport := &http.Transport{
		Proxy:                  nil, // not even from the environment
		DialContext:            dialer.DialContext,
		DialTLSContext:         secured(dialer, opts),
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        16,
		IdleConnTimeout:        time.Minute,
	}
	httpClient := &http.Client{
		Transport: &bounded{transport: transport, limit: int64(opts.MaxResponse), token: opts.Token},
		CheckRedirect: func(to *http.Request, _ []*http.Request) error {
			return fmt.Errorf("%w (to %s)", errRedirect, to.URL.Redacted())
		},
	}
	return &Client{
		service: stockholdv1connect.NewDecisionServiceClient(httpClient, address,
			connect.WithInterceptors(tracing),
			connect.WithReadMaxBytes(opts.MaxResponse),
			connect.WithAcceptCompression("gzip", nil, nil), // a small answer may be a large one, compressed
		),
		transport: transport,
		timeout:   opts.Timeout,
		token:     opts.Token,
	}, nil
}

// secured dials and shakes hands, each in DialTimeout.
func secured(dialer *net.Dialer, opts Options) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		config := opts.TLS().Clone()
		config.NextProtos = []string{"h2", "http/1.1"}
		ctx, cancel := context.WithTimeout(ctx, 2*opts.DialTimeout)
		defer cancel()
		return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, network, address)
	}
}

var errReadable = errors.New("it has no https, and anybody on the way would have the token")

// keepsSecrets reports whether nobody on the way to a URL can read along.
func keepsSecrets(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// checkURL does not repeat the address in its errors: it may hold a secret where
// none belongs.
func checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		var parsing *url.Error
		if errors.As(err, &parsing) {
			err = parsing.Err
		}
		return err
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q: want http or https", u.Scheme)
	case u.Hostname() == "":
		return errors.New("it names no host")
	case u.User != nil:
		return errors.New("it has a user or a password: they would end up in logs")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("it has a query or a fragment: want a base URL, to which the path of the call is added")
	}
	return nil
}

// Decide asks about some holds in one request. An error wraps
// context.DeadlineExceeded when there was no answer in time.
func (c *Client) Decide(ctx context.Context, owner string, questions []sweeper.Question) ([]sweeper.Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request := &stockholdv1.DecideRequest{Owner: owner, Questions: make([]*stockholdv1.Question, len(questions))}
	for i, q := range questions {
		request.Questions[i] = &stockholdv1.Question{
			ReservationId: q.ID,
			Reference:     q.Reference,
			ExpiresAt:     timestamppb.New(q.ExpiresAt),
			Checks:        int32(q.Checks),
		}
	}
	response, err := c.service.Decide(ctx, request)
	if err != nil {
		if connect.CodeOf(err) == connect.CodeDeadlineExceeded && !errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w, by the decider: %w", context.DeadlineExceeded, err) // it was told of the deadline, too
		}
		return nil, c.withoutToken(err)
	}
	decisions := make([]sweeper.Decision, len(response.GetDecisions()))
	for i, d := range response.GetDecisions() {
		decisions[i] = decision(d)
	}
	return decisions, nil
}

// withoutToken takes the token out of what a decider answered: some repeat what
// they were shown, and errors end up in logs.
func (c *Client) withoutToken(err error) error {
	if c.token == nil {
		return err
	}
	if token, text := c.token(), err.Error(); token != "" && strings.Contains(text, token) {
		return &reworded{err, strings.ReplaceAll(text, token, "***")}
	}
	return err
}

// reworded is an error with another text.
type reworded struct {
	error
	text string
}

func (r *reworded) Error() string { return r.text }
func (r *reworded) Unwrap() error { return r.error }

// decision reads one decision as it came. A verdict that this program does not
// know stays unknown to it.
func decision(d *stockholdv1.Decision) sweeper.Decision {
	out := sweeper.Decision{ID: d.GetReservationId()}
	switch d.GetVerdict() {
	case stockholdv1.Verdict_VERDICT_COMMIT:
		out.Verdict = sweeper.Commit
	case stockholdv1.Verdict_VERDICT_ABORT:
		out.Verdict = sweeper.Abort
	case stockholdv1.Verdict_VERDICT_PENDING:
		out.Verdict = sweeper.Pending
	case stockholdv1.Verdict_VERDICT_UNKNOWN, stockholdv1.Verdict_VERDICT_UNSPECIFIED:
		out.Verdict = sweeper.Unknown
	}
	if d.GetRetryAfter() != nil {
		// Said, and so not the zero that means "not said".
		out.RetryAfter = max(d.GetRetryAfter().AsDuration(), time.Nanosecond)
	}
	return out
}

// Close gives idle connections back. Requests under way go on.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}
