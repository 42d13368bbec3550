package app_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/app"
	"stockhold/internal/certstest"
	"stockhold/internal/config"
	"stockhold/internal/tokenstest"
)

const accessPolicy = `
callers:
  - name: shop-a
    subjects: ["jwt:system:serviceaccount:shop-a:orders", "san:spiffe://cluster/shop-a"]
    roles: [orders, reader]
    owners: [shop-a]
  - {name: shop-b, subjects: ["jwt:shop-b"], roles: [orders], owners: [shop-b]}
  - {name: warehouse, subjects: ["san:warehouse.svc"], roles: [stock]}
  - {name: prometheus, subjects: ["jwt:prometheus"], roles: [reader], owners: ["*"]}
owners:
  shop-a: {held_units: 10}
`

// fortress is a server that knows its callers, and all that one needs to be one.
type fortress struct {
	*app.App
	log     *journal
	cfg     config.Config
	folder  string
	server  *certstest.Authority
	clients *certstest.Authority
	issuer  *tokenstest.Issuer
}

// fortified writes what a server needs to know its callers, and configures it.
func fortified(t *testing.T, cfg config.Config) *fortress {
	f := &fortress{cfg: cfg, folder: t.TempDir(), server: certstest.NewAuthority(t), clients: certstest.NewAuthority(t), issuer: tokenstest.New(t, "k1")}
	s := &f.cfg.Security
	s.TLSCert, s.TLSKey = f.server.Server(t).Write(t, f.folder)
	s.TLSClientCA = f.clients.Write(t, f.folder)
	s.JWTIssuer, s.JWTAudience, s.JWTKeysFile = tokenstest.Name, []string{tokenstest.Audience}, filepath.Join(f.folder, "jwks.json")
	f.issuer.Publish(t, s.JWTKeysFile)
	s.AccessPolicy = filepath.Join(f.folder, "policy.yaml")
	f.write(t, s.AccessPolicy, accessPolicy)
	return f
}

func (f *fortress) write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func startFortress(t *testing.T, cfg config.Config) *fortress {
	f := fortified(t, cfg)
	f.App, f.log = start(t, f.cfg)
	return f
}

// caller is a client with a certificate, a token, both or neither.
type caller struct {
	t      *testing.T
	url    string
	client *http.Client
	token  string
}

func (f *fortress) caller(t *testing.T, token string, own ...certstest.Certificate) *caller {
	config := &tls.Config{RootCAs: f.server.Pool()}
	for _, certificate := range own {
		config.Certificates = append(config.Certificates, certificate.TLS(t))
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &caller{t, "https://" + f.Addr(), &http.Client{Transport: transport, Timeout: patience}, token}
}

func (c *caller) do(method, path, body string) (status int, text string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	require.NoError(c.t, err)
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(answer)
}

func (c *caller) call(call, body string) (status int, text string) {
	c.t.Helper()
	service := "ReservationService"
	if strings.Contains(call, "Stock") {
		service = "InventoryService"
	}
	return c.do(http.MethodPost, "/stockhold.v1."+service+"/"+call, body)
}

func (f *fortress) shopA(t *testing.T) *caller {
	return f.caller(t, f.issuer.Token(t, "system:serviceaccount:shop-a:orders"))
}

func (f *fortress) stock(t *testing.T) {
	warehouse := f.caller(t, "", f.clients.Issue(t, time.Now().Add(time.Hour), nil, []string{"warehouse.svc"}))
	status, text := warehouse.call("SetStock", `{"sku":"mug","onHand":100}`)
	require.Equal(t, http.StatusOK, status, text)
}

const mugs = `{"owner":"shop-a","reservationId":"order-1","lines":[{"sku":"mug","quantity":6}]}`
