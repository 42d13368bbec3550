package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"
)

// untrusted explains a connection that ended because one side does not take what
// the other showed: nil if that was not why. Nothing was done, and a repeat would end
// as this did, so a script that repeats what may pass must not take it for that.
func untrusted(err error) *Failure {
	var certificate *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var alert *net.OpError
	switch {
	case errors.As(err, &certificate):
		return &Failure{Kind: Unusable, Message: "the server's certificate cannot be trusted (--server-ca names its authority): " + certificate.Err.Error()}
	case errors.As(err, &plain), errors.Is(err, http.ErrSchemeMismatch):
		return &Failure{Kind: Unusable, Message: "what answers there speaks no TLS: want http:// or another port"}
	case errors.As(err, &alert) && alert.Op == "remote error" && aboutCertificates(alert.Err.Error()):
		return &Failure{Kind: Denied, Message: "the server does not take the certificate that it was shown: " + alert.Err.Error()}
	}
	return nil
}

// aboutCertificates tells the alerts by which the other side of TLS refuses a
// certificate, or the lack of one. The library has words for them and no numbers.
func aboutCertificates(alert string) bool {
	return strings.Contains(alert, "certificate") || strings.Contains(alert, "access denied")
}

// trialPatience is how long the trial below may take, on top of a call that failed.
const trialPatience = 2 * time.Second

// trial makes sure why a connection ended. With TLS 1.3 a server refuses a
// certificate only after the handshake, and HTTP/2 then has lost its word more often
// than not; so what failed without a reason is tried once more, up to that word.
func trial(ctx context.Context, server *url.URL, config *tls.Config, err error) *Failure {
	if config == nil || ctx.Err() != nil || untrusted(err) != nil || !withoutReason(err) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	config = config.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", hostPort(server))
	if err != nil {
		return untrusted(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_, err = conn.Read(make([]byte, 1)) // its settings, if it takes the certificate
	_ = conn.Close()
	return untrusted(err)
}

// withoutReason tells an error that is no answer of a server, and not that there is
// none either. HTTP/2 calls a connection that ended early unavailable or canceled.
func withoutReason(err error) bool {
	var status *connect.Error
	var dialed *net.OpError
	switch {
	case !errors.As(err, &status), len(status.Details()) > 0, errors.As(err, &dialed) && dialed.Op == "dial":
		return false
	}
	return status.Code() == connect.CodeUnavailable || status.Code() == connect.CodeCanceled
}

func hostPort(server *url.URL) string {
	if server.Port() != "" {
		return server.Host
	}
	return net.JoinHostPort(server.Hostname(), "443")
}
