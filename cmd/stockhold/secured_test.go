package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"stockhold/internal/certstest"
	"stockhold/internal/testservers"
	"stockhold/internal/tokenstest"
)

const counterPolicy = `
callers:
  - {name: shop-a, subjects: ["jwt:shop-a"], roles: [orders, reader], owners: [shop-a]}
  - {name: shop-b, subjects: ["jwt:shop-b"], roles: [orders], owners: [shop-b]}
  - {name: warehouse, subjects: ["san:warehouse.svc"], roles: [stock]}
  - {name: people, subjects: ["jwt:alice", "san:spiffe://cluster/people"], roles: [operator]}
`

// secured is a counter whose server speaks TLS only and knows its callers, and the
// people before it: the flags by which each says who it is.
type secured struct {
	*counter
	people map[string][]string
}

func openSecured(t *testing.T, env []string) *secured {
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	authority, clients, strangers := certstest.NewAuthority(t), certstest.NewAuthority(t), certstest.NewAuthority(t)
	issuer := tokenstest.New(t, "k1")
	issuer.Publish(t, filepath.Join(folder, "jwks.json"))
	cert, key := authority.Server(t).Write(t, folder)
	c := openCounter(t, env, "--no-sweep", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", file("clients.pem", string(clients.PEM)),
		"--access-policy", file("policy.yaml", counterPolicy), "--jwt-issuer", tokenstest.Name, "--jwt-audience", tokenstest.Audience,
		"--jwt-keys-file", filepath.Join(folder, "jwks.json"))
	c.env = append(c.env, "STOCKHOLD_SERVER="+strings.Replace(c.server.url(), "http:", "https:", 1), "STOCKHOLD_SERVER_CA="+file("ca.pem", string(authority.PEM)))

	s := &secured{c, map[string][]string{"nobody": nil}}
	late := tokenstest.Claims("shop-a")
	late.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Hour))
	for name, token := range map[string]string{
		"shop-a": issuer.Token(t, "shop-a"), "shop-b": issuer.Token(t, "shop-b"), "alice": issuer.Token(t, "alice"),
		"mallory": issuer.Token(t, "mallory"), "late": issuer.Sign(t, late), "forger": tokenstest.New(t, "k1").Token(t, "shop-a"),
	} {
		s.people[name] = []string{"--token-file", file(name+".token", token)}
	}
	for name, certificate := range map[string]certstest.Certificate{
		"warehouse":    clients.Issue(t, time.Now().Add(time.Hour), nil, []string{"warehouse.svc"}),
		"by SPIFFE id": clients.Client(t, "spiffe://cluster/people"),
		"stranger":     strangers.Client(t, "spiffe://cluster/people"),
	} {
		own := filepath.Join(folder, strings.ReplaceAll(name, " ", "-"))
		require.NoError(t, os.Mkdir(own, 0o700))
		cert, key := certificate.Write(t, own)
		s.people[name] = []string{"--client-cert", cert, "--client-key", key}
	}
	return s
}

// as runs a command as somebody, expects its exit code, and what standard error says.
func (s *secured) as(who string, code int, says string, args ...string) *process {
	s.t.Helper()
	flags, known := s.people[who]
	require.True(s.t, known, who)
	p := s.do(code, append(args, flags...)...)
	require.Contains(s.t, p.err.String(), says, "%s: %v", who, args)
	return p
}

// Every command works against a server with TLS and a policy, for those who may, by
// token and by certificate; for all others it says why not, by an exit code of its own,
// and nothing of what is another owner's.
func TestTheCounterOverTLSWithAPolicy(t *testing.T) {
	goods := filepath.Join(t.TempDir(), "stock.csv")
	require.NoError(t, os.WriteFile(goods, []byte("sku,on_hand\nmug,12\nspoon,40\n"), 0o600))
	onSecured := func(t *testing.T, env []string) {
		s := openSecured(t, env)
		s.as("warehouse", 0, "", "stock", "set", "mug", "10")
		s.as("warehouse", 0, "", "stock", "adjust", "mug", "--add", "2")
		require.Contains(t, s.as("warehouse", 0, "", "stock", "import", goods).out.String(), "1 set, 1 right already")
		s.as("warehouse", 5, "PERMISSION_DENIED", "hold", "try", "--owner", "shop-a", "--sku", "mug=1")
		s.as("warehouse", 5, "PERMISSION_DENIED", "gate", "rebuild")

		s.as("shop-a", 0, "", "hold", "try", "--owner", "shop-a", "--id", "order-1", "--sku", "mug=2")
		s.as("shop-a", 0, "changed nothing", "hold", "try", "--owner", "shop-a", "--id", "order-1", "--sku", "mug=2")
		s.as("shop-a", 0, "", "hold", "try", "--owner", "shop-a", "--id", "order-2", "--sku", "mug=1")
		s.as("shop-a", 3, "INSUFFICIENT_STOCK", "hold", "try", "--owner", "shop-a", "--id", "order-3", "--sku", "mug=99")
		s.as("shop-a", 0, "", "hold", "confirm", "--owner", "shop-a", "order-1")
		require.Contains(t, s.as("shop-a", 0, "", "hold", "list", "--owner", "shop-a").out.String(), "order-1")
		s.as("shop-a", 0, "", "stock", "get", "mug")
		s.as("shop-a", 5, "PERMISSION_DENIED", "stock", "set", "mug", "1000")
		s.as("shop-a", 5, "PERMISSION_DENIED", "resolve", "--owner", "shop-a", "--id", "order-2", "--release", "--reason", "mine")
		s.as("shop-a", 5, "PERMISSION_DENIED", "hold", "try", "--id", "order-4", "--sku", "mug=1") // the owner default
		require.Empty(t, s.as("shop-a", 5, "PERMISSION_DENIED", "parked").out.String(), "nor a heading")
		refused := s.as("shop-a", 5, "PERMISSION_DENIED", "gate", "rebuild")
		require.NotContains(t, refused.err.String(), "again", "it would not help")

		for _, id := range []string{"order-1", "order-2", "order-9"} { // there, there and not there
			for _, call := range []string{"get", "confirm", "cancel"} {
				p := s.as("shop-b", 3, "", "hold", call, "--owner", "shop-a", id)
				require.Equal(t, "stockhold: NOT_FOUND: no reservation shop-a/"+id+"\n", p.err.String(), call)
			}
		}
		s.as("shop-b", 5, "PERMISSION_DENIED", "hold", "list", "--owner", "shop-a")
		s.as("shop-b", 5, "PERMISSION_DENIED", "stock", "get", "mug")

		s.as("alice", 0, "", "hold", "get", "--owner", "shop-a", "order-2")
		s.as("alice", 0, "", "parked")
		s.as("alice", 5, "PERMISSION_DENIED", "hold", "cancel", "--owner", "shop-a", "order-2")
		s.as("by SPIFFE id", 0, "", "resolve", "--owner", "shop-a", "--id", "order-2", "--release", "--reason", "ticket 815")
		s.as("by SPIFFE id", 0, "", "gate", "rebuild")
		require.Regexp(t, `an operator resolved a hold.*id=order-2.*by=people`, s.server.err.String())

		for _, who := range []string{"nobody", "mallory", "late", "forger"} {
			s.as(who, 5, "UNAUTHENTICATED", "stock", "get", "mug")
			s.as(who, 5, "UNAUTHENTICATED", "stock", "import", goods)
		}
		s.as("stranger", 5, "certificate", "stock", "get", "mug")
		s.as("alice", 2, "--server-ca", "parked", "--server-ca", "")
		s.clean()
	}
	t.Run("embedded", func(t *testing.T) { onSecured(t, []string{"STOCKHOLD_DATA=" + t.TempDir()}) })
	t.Run("servers", func(t *testing.T) {
		env := []string{
			"STOCKHOLD_MYSQL_DSN=" + testservers.Database(t),
			"STOCKHOLD_REDIS_URL=" + testservers.Redis(t).URL(), "STOCKHOLD_REDIS_PREFIX=" + testservers.Prefix(t),
		}
		require.Zero(t, run(t, setup{env: env, args: []string{"migrate"}}).code)
		onSecured(t, env)
	})
}
