package access

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/tokens"
)

const try = "/stockhold.v1.ReservationService/Try"

// gate is a control that takes certificates as they are shown, and tokens for
// what they say.
func gate(t *testing.T, log *bytes.Buffer) *Control {
	t.Helper()
	policy, err := ParsePolicy([]byte(shops))
	require.NoError(t, err)
	return New(Options{
		Certificate: func(state *tls.ConnectionState) (*x509.Certificate, error) {
			if state == nil {
				return nil, nil
			}
			if state.ServerName == "expired" {
				return nil, errors.New("x509: over since 10.1.2.3")
			}
			return state.PeerCertificates[0], nil
		},
		Token: func(token string) (string, error) {
			switch token {
			case "forged":
				return "", tokens.ErrForged
			case "early":
				return "", tokens.ErrNoKeys
			}
			return token, nil
		},
		Policy: func() *Policy { return policy },
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
}

func request(path, authorization string, names ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if names == nil {
		return r
	}
	certificate := &x509.Certificate{}
	certificate.Subject.CommonName = "warehouse.svc"
	for _, name := range names {
		if u, err := url.Parse(name); err == nil && u.Scheme != "" {
			certificate.URIs = append(certificate.URIs, u)
		} else {
			certificate.DNSNames = append(certificate.DNSNames, name)
		}
	}
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate}}
	return r
}

func TestWhoCalls(t *testing.T) {
	const spiffe = "spiffe://cluster.local/ns/shop-a/sa/orders"
	for name, tt := range map[string]struct {
		request *http.Request
		caller  string
		err     error
		text    string
	}{
		"a token":                              {request(try, "Bearer system:serviceaccount:shop-a:orders"), "shop-a", nil, ""},
		"a token, written another way":         {request(try, "bearer  system:serviceaccount:shop-a:orders "), "shop-a", nil, ""},
		"a certificate with a URI":             {request(try, "", spiffe), "shop-a", nil, ""},
		"a certificate with a name":            {request(try, "", "ORDERS.shop-b.svc"), "shop-b", nil, ""},
		"one of several names":                 {request(try, "", "nobody.knows", spiffe), "shop-a", nil, ""},
		"a token over a proxy's certificate":   {request(try, "Bearer system:serviceaccount:shop-a:orders", "warehouse.svc"), "shop-a", nil, ""},
		"nothing":                              {request(try, ""), "", ErrUnauthenticated, "show a client certificate"},
		"a forged token":                       {request(try, "Bearer forged"), "", ErrUnauthenticated, "signature"},
		"a forged token, a good certificate":   {request(try, "Bearer forged", spiffe), "", ErrUnauthenticated, "signature"},
		"a token of nobody":                    {request(try, "Bearer mallory"), "", ErrUnauthenticated, "does not know"},
		"a token that says a SAN":              {request(try, "Bearer san:warehouse.svc"), "", ErrUnauthenticated, "does not know"},
		"before the keys are known":            {request(try, "Bearer early"), "", tokens.ErrNoKeys, "not known yet"},
		"a password":                           {request(try, "Basic cm9vdDpyb290"), "", ErrUnauthenticated, "bearer"},
		"the wrong SAN":                        {request(try, "", "spiffe://cluster.local/ns/shop-a/sa/other"), "", ErrUnauthenticated, "none of its names"},
		"a SAN that begins like a good one":    {request(try, "", spiffe+"/x"), "", ErrUnauthenticated, "none of its names"},
		"a SAN in other letters":               {request(try, "", "SPIFFE://cluster.local/ns/SHOP-A/sa/orders"), "", ErrUnauthenticated, "none of its names"},
		"a wildcard":                           {request(try, "", "*.svc"), "", ErrUnauthenticated, "none of its names"},
		"a common name":                        {request(try, "", []string{}...), "", ErrUnauthenticated, ""},
		"a certificate without a name":         {request(try, "", ""), "", ErrUnauthenticated, "none of its names"},
		"a certificate of two callers":         {request(try, "", spiffe, "warehouse.svc"), "", ErrUnauthenticated, "two callers"},
		"a call that the role does not have":   {request("/stockhold.v1.InventoryService/SetStock", "", spiffe), "", ErrDenied, "roles of shop-a"},
		"an operator's call by an order servi": {request("/stockhold.v1.OperatorService/Resolve", "", spiffe), "", ErrDenied, "roles of shop-a"},
		"metrics by one who may not see all":   {request(Metrics, "", spiffe), "", ErrDenied, "every owner"},
		"metrics":                              {request(Metrics, "", "prometheus.monitoring.svc"), "prometheus", nil, ""},
		"an operator":                          {request("/stockhold.v1.OperatorService/Resolve", "Bearer alice@example.org"), "people", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			caller, err := gate(t, &log).Admit(tt.request)
			if tt.err == nil {
				require.NoError(t, err)
				require.Equal(t, tt.caller, caller.Name)
				return
			}
			require.ErrorIs(t, err, tt.err)
			require.ErrorContains(t, err, tt.text)
			require.Nil(t, caller)
			require.Contains(t, log.String(), "turned away")
		})
	}
}

// A name of one kind does not pass for one of the other: whoever gets a certificate
// for any DNS name does not come by a URI, and the other way round.
func TestNamesOfOneKindAreNotOfTheOther(t *testing.T) {
	asDNS := request(try, "")
	asDNS.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{DNSNames: []string{"spiffe://cluster.local/ns/shop-a/sa/orders"}}}}
	asURI := request(try, "")
	asURI.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{URIs: []*url.URL{{Path: "orders.shop-b.svc"}}}}}
	for name, r := range map[string]*http.Request{"a URI as a DNS name": asDNS, "a DNS name as a URI": asURI} {
		_, err := gate(t, new(bytes.Buffer)).Admit(r)
		require.ErrorIs(t, err, ErrUnauthenticated, name)
		require.ErrorContains(t, err, "none of its names", name)
	}
}

func TestOldCertificatesAreRefusedWithoutDetails(t *testing.T) {
	var log bytes.Buffer
	r := request(try, "", "warehouse.svc")
	r.TLS.ServerName = "expired"
	_, err := gate(t, &log).Admit(r)
	require.ErrorIs(t, err, ErrUnauthenticated)
	require.NotContains(t, err.Error(), "10.1.2.3")
}

func TestTwoTokensAreNone(t *testing.T) {
	r := request(try, "Bearer system:serviceaccount:shop-a:orders")
	r.Header.Add("Authorization", "Bearer alice@example.org")
	_, err := gate(t, new(bytes.Buffer)).Admit(r)
	require.ErrorIs(t, err, ErrUnauthenticated)
}

// What is not configured does not count, whatever a caller shows.
func TestWaysThatAreNotConfigured(t *testing.T) {
	policy, err := ParsePolicy([]byte(shops))
	require.NoError(t, err)
	c := New(Options{Policy: func() *Policy { return policy }, Logger: slog.New(slog.DiscardHandler)})
	for _, r := range []*http.Request{request(try, "Bearer system:serviceaccount:shop-a:orders"), request(try, "", "warehouse.svc"), request(try, "")} {
		_, err := c.Admit(r)
		require.ErrorIs(t, err, ErrUnauthenticated)
	}
}

// The log hears of strangers, but they do not fill it, and their tokens are not in it.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	c := gate(t, &log)
	for range 1000 {
		_, err := c.Admit(request("/"+strings.Repeat("x", 10_000), "Bearer mallory-hunter2"))
		require.Error(t, err)
	}
	require.NotContains(t, log.String(), "hunter2")
	require.Less(t, log.Len(), 100_000)
}

// Who did what an operator may do can be read afterwards.
func TestOperatorsAreLogged(t *testing.T) {
	var log bytes.Buffer
	_, err := gate(t, &log).Admit(request("/stockhold.v1.OperatorService/Resolve", "Bearer alice@example.org"))
	require.NoError(t, err)
	require.Contains(t, log.String(), "caller=people")
	require.Contains(t, log.String(), "OperatorService/Resolve")
}
