package deployments

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"stockhold/internal/certstest"
	"stockhold/internal/tokenstest"
)

// cluster is what pods need of one, beside their stores: an API server that
// publishes the keys of the service accounts' issuer, and tokens of these.
type cluster struct {
	t         *testing.T
	authority *certstest.Authority // in every namespace, as kube-root-ca.crt
	issuer    *tokenstest.Issuer
	name      string // of the issuer
	api       *url.URL
	own       string // the token of stockhold's pods
}

func newCluster(t *testing.T, issuer string) *cluster {
	t.Helper()
	c := &cluster{t: t, authority: certstest.NewAuthority(t), issuer: tokenstest.New(t, "key-1"), name: issuer}
	c.own = c.token("stockhold:stockhold", "https://kubernetes.default.svc")
	keys := http.NewServeMux()
	keys.HandleFunc("GET /openid/v1/jwks", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+c.own {
			w.WriteHeader(http.StatusForbidden) // as API servers do with strangers
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(tokenstest.KeySet(t, c.issuer.Public()))
	})
	server := httptest.NewUnstartedServer(keys)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{c.authority.Server(t).TLS(t)}}
	server.StartTLS()
	t.Cleanup(server.Close)
	api, err := url.Parse(server.URL)
	require.NoError(t, err)
	c.api = api
	return c
}

// token is that of a service account, namespace:name, for an audience.
func (c *cluster) token(account, audience string) string {
	c.t.Helper()
	claims := tokenstest.Claims("system:serviceaccount:" + account)
	claims.Issuer, claims.Audience = c.name, jwt.Audience{audience}
	return c.issuer.Sign(c.t, claims)
}

// mount writes a pod's volumes to folders of this machine, and puts those into the
// variables that name the folders of the pod. It puts the API server's address in, too.
func (c *cluster) mount(b build, p pod, known secrets, env map[string]string) {
	c.t.Helper()
	for _, mount := range p.container(c.t).VolumeMounts {
		require.True(c.t, mount.ReadOnly, "%s: %s", p.owner, mount.Name)
		folder := c.t.TempDir()
		for name, text := range c.contents(b, p, mount.Name, known) {
			require.NoError(c.t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
		}
		for name, value := range env {
			if rest, found := strings.CutPrefix(value, mount.MountPath+"/"); found {
				env[name] = filepath.Join(folder, rest)
			}
		}
	}
	if keys, err := url.Parse(env["STOCKHOLD_JWT_KEYS_URL"]); err == nil && keys.Hostname() == "kubernetes.default.svc" {
		keys.Host = c.api.Host
		env["STOCKHOLD_JWT_KEYS_URL"] = keys.String()
	}
}

// contents are the files of a volume.
func (c *cluster) contents(b build, p pod, volume string, known secrets) map[string]string {
	c.t.Helper()
	for _, v := range p.template.Spec.Volumes {
		switch {
		case v.Name != volume:
		case v.ConfigMap != nil && v.ConfigMap.Name == "kube-root-ca.crt":
			return map[string]string{"ca.crt": string(c.authority.PEM)}
		case v.ConfigMap != nil:
			return one[*corev1.ConfigMap](c.t, b, v.ConfigMap.Name).Data
		case v.Secret != nil:
			return known[v.Secret.SecretName]
		case v.Projected != nil:
			require.Len(c.t, v.Projected.Sources, 1)
			token := v.Projected.Sources[0].ServiceAccountToken
			require.Empty(c.t, token.Audience, "for the API server")
			return map[string]string{token.Path: c.own}
		}
	}
	require.Failf(c.t, "unknown volume", "%s: %s", p.owner, volume)
	return nil
}

// client calls as a service account, over HTTP/2; with TLS it trusts the cluster's
// authority. An empty account shows no token.
func (c *cluster) client(account string) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{RootCAs: c.authority.Pool()}}
	transport.Protocols.SetHTTP2(true)
	transport.Protocols.SetUnencryptedHTTP2(true)
	c.t.Cleanup(transport.CloseIdleConnections)
	if account == "" {
		return &http.Client{Transport: transport, Timeout: patience}
	}
	return &http.Client{Transport: &bearer{transport, c.token(account, "stockhold")}, Timeout: patience}
}

// bearer shows a token with each request.
type bearer struct {
	next  http.RoundTripper
	token string
}

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}
