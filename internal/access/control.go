package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"stockhold/internal/tokens"
)

// Options are the ways in which callers can prove who they are. At least one is
// set. A nil one does not count, whatever a caller shows.
type Options struct {
	// Certificate returns the certificate that the other side of a connection
	// proved to have, nil for none.
	Certificate func(*tls.ConnectionState) (*x509.Certificate, error)
	// Token returns the subject of a bearer token.
	Token func(token string) (subject string, err error)
	// Policy is the one in force.
	Policy func() *Policy
	// Logger hears who was turned away, once in a while, and what operators do.
	Logger *slog.Logger
}

// Control decides who may make which call. It is safe for concurrent use.
type Control struct {
	opts Options
	told atomic.Int64 // when the log last heard of somebody who was turned away, in Unix nanoseconds
}

// New makes a control of the ways in which callers can prove who they are.
func New(opts Options) *Control { return &Control{opts: opts} }

// Admit returns who makes a request, if that one may make it. It looks at the
// connection, the path and the headers only. The error wraps ErrUnauthenticated,
// ErrDenied, or tokens.ErrNoKeys while nobody can tell; its text is fit for callers.
func (c *Control) Admit(r *http.Request) (*Caller, error) {
	caller, err := c.identify(r)
	if err == nil {
		err = caller.may(r.URL.Path)
	}
	if err != nil {
		c.tell(r, caller, err)
		return nil, err
	}
	if permissions[r.URL.Path] == Operator {
		c.opts.Logger.Info("an operator calls", "caller", caller.Name, "call", r.URL.Path)
	}
	return caller, nil
}

// identify finds the caller. Whoever shows a token is judged by it, whatever the
// certificate: behind a proxy that one is the proxy's.
func (c *Control) identify(r *http.Request) (*Caller, error) {
	if shown := r.Header.Values("Authorization"); len(shown) > 0 {
		return c.byToken(shown)
	}
	return c.byCertificate(r.TLS)
}

func unknown(why string) error { return fmt.Errorf("%w: %s", ErrUnauthenticated, why) }

func (c *Control) byToken(shown []string) (*Caller, error) {
	scheme, token, _ := strings.Cut(shown[0], " ")
	switch {
	case len(shown) > 1:
		return nil, unknown("there are two Authorization headers")
	case !strings.EqualFold(scheme, "Bearer"):
		return nil, unknown("want a bearer token")
	case c.opts.Token == nil:
		return nil, unknown("tokens are not accepted here")
	}
	subject, err := c.opts.Token(strings.TrimSpace(token))
	if errors.Is(err, tokens.ErrNoKeys) {
		return nil, err
	}
	if err != nil {
		return nil, unknown(err.Error())
	}
	caller := c.opts.Policy().Caller(jwtPrefix + subject)
	if caller == nil {
		return nil, unknown("the token is good, and the policy does not know its subject")
	}
	return caller, nil
}

func (c *Control) byCertificate(state *tls.ConnectionState) (*Caller, error) {
	const needed = "show a client certificate or a bearer token"
	if c.opts.Certificate == nil {
		return nil, unknown(needed)
	}
	certificate, err := c.opts.Certificate(state)
	if err != nil {
		c.opts.Logger.Debug("a client certificate is refused", "error", err)
		return nil, unknown("the client certificate is not good any more")
	}
	if certificate == nil {
		return nil, unknown(needed)
	}
	policy := c.opts.Policy()
	var found *Caller
	for _, subject := range sans(certificate) {
		caller := policy.Caller(subject)
		if caller == nil || caller == found {
			continue
		}
		if found != nil {
			return nil, unknown("the client certificate is of two callers at once")
		}
		found = caller
	}
	if found == nil {
		return nil, unknown("the client certificate is good, and the policy knows none of its names")
	}
	return found, nil
}

// sans are a certificate's subjects. Its common name says nothing. An authority
// that vouches for DNS names has not looked at what is written like a URI in one,
// and the other way round: neither may pass for the other.
func sans(certificate *x509.Certificate) []string {
	var subjects []string
	for _, uri := range certificate.URIs {
		if text := uri.String(); isURI(text) {
			subjects = append(subjects, sanPrefix+text)
		}
	}
	for _, name := range certificate.DNSNames {
		if !isURI(name) {
			subjects = append(subjects, sanSubject(name))
		}
	}
	return subjects
}

// tellEvery keeps strangers from filling the log.
const tellEvery = time.Second

func (c *Control) tell(r *http.Request, caller *Caller, err error) {
	now, told := time.Now().UnixNano(), c.told.Load()
	if now-told < int64(tellEvery) || !c.told.CompareAndSwap(told, now) {
		return
	}
	name := ""
	if caller != nil {
		name = caller.Name
	}
	c.opts.Logger.Warn("a caller is turned away", "call", clipped(r.URL.Path), "from", r.RemoteAddr, "caller", name, "error", err)
}

// clipped bounds what strangers can write into the log.
func clipped(text string) string {
	if len(text) > 128 {
		return strings.ToValidUTF8(text[:128], "") + "..."
	}
	return text
}
