// Package decider asks an owner what it decided, over the wire: the client of
// DecisionService, which order services implement.
//
// The address comes from configuration only, and the answer comes from another
// team's service, so little of it is taken for granted. Redirects are refused,
// answers are bounded in size and time, compressed answers are not asked for,
// and the proxy settings of the environment are ignored: what is configured is
// who is asked. Whatever does not look like an answer is an error, and an error
// decides nothing.
package decider

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"connectrpc.com/connect"
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
	TLS         *tls.Config   // for https; default: the system's roots, TLS 1.2 or newer
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
	return o
}

// Client asks one address. It is safe for concurrent use.
type Client struct {
	service   stockholdv1connect.DecisionServiceClient
	transport *http.Transport
	timeout   time.Duration
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
	dialer := &net.Dialer{Timeout: opts.DialTimeout}
	transport := &http.Transport{
		Proxy:                  nil, // not even from the environment
		DialContext:            dialer.DialContext,
		TLSClientConfig:        opts.TLS,
		TLSHandshakeTimeout:    opts.DialTimeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        16,
		IdleConnTimeout:        time.Minute,
	}
	httpClient := &http.Client{
		Transport: &bounded{transport: transport, limit: int64(opts.MaxResponse)},
		CheckRedirect: func(to *http.Request, _ []*http.Request) error {
			return fmt.Errorf("%w (to %s)", errRedirect, to.URL.Redacted())
		},
	}
	return &Client{
		service: stockholdv1connect.NewDecisionServiceClient(httpClient, address,
			connect.WithReadMaxBytes(opts.MaxResponse),
			connect.WithAcceptCompression("gzip", nil, nil), // a small answer may be a large one, compressed
		),
		transport: transport,
		timeout:   opts.Timeout,
	}, nil
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
		return nil, err
	}
	decisions := make([]sweeper.Decision, len(response.GetDecisions()))
	for i, d := range response.GetDecisions() {
		decisions[i] = decision(d)
	}
	return decisions, nil
}

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
