package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/config"
)

// What belongs together is given together, and what would be no protection is refused.
func TestSecuritySettings(t *testing.T) {
	const (
		cert, key = "--tls-cert=c", "--tls-key=k"
		issuer    = "--jwt-issuer=https://issuer.test"
		policy    = "--access-policy=p"
	)
	for name, tt := range map[string]struct {
		args []string
		want []string // none: it is good
	}{
		"TLS":                           {[]string{cert, key}, nil},
		"a key is missing":              {[]string{cert}, []string{"--tls-cert", "--tls-key"}},
		"certificates without TLS":      {[]string{policy, "--tls-client-ca=a"}, []string{"--tls-client-ca", "--tls-cert"}},
		"certificates without a policy": {[]string{cert, key, "--tls-client-ca=a"}, []string{"--tls-client-ca", "--access-policy"}},
		"certificates":                  {[]string{cert, key, policy, "--tls-client-ca=a"}, nil},
		"a policy for nobody":           {[]string{policy}, []string{"--access-policy", "--tls-client-ca", "--jwt-issuer"}},
		"tokens":                        {[]string{policy, issuer, "--jwt-audience=a,b", "--jwt-keys-file=f"}, nil},
		"tokens by URL":                 {[]string{policy, issuer, "--jwt-audience=a", "--jwt-keys-url=https://k", "--jwt-keys-ca=c", "--jwt-keys-token-file=f"}, nil},
		"tokens for anybody":            {[]string{policy, issuer, "--jwt-keys-file=f"}, []string{"--jwt-audience", "another service"}},
		"tokens without keys":           {[]string{policy, issuer, "--jwt-audience=a"}, []string{"--jwt-keys-file", "--jwt-keys-url"}},
		"keys in two places":            {[]string{policy, issuer, "--jwt-audience=a", "--jwt-keys-file=f", "--jwt-keys-url=https://k"}, []string{"not both"}},
		"keys that anybody can change":  {[]string{policy, issuer, "--jwt-audience=a", "--jwt-keys-url=http://k"}, []string{"--jwt-keys-url", "https"}},
		"keys without an issuer":        {[]string{policy, cert, key, "--tls-client-ca=a", "--jwt-keys-file=f"}, []string{"--jwt-keys-file", "--jwt-issuer"}},
		"a decider's token":             {[]string{"--deciders=a=https://a", "--decider-tokens=a=f"}, nil},
		"a decider's token in clear":    {[]string{"--deciders=a=http://a", "--decider-tokens=a=f"}, []string{"--decider-tokens", `"a"`, "https"}},
		"a token for nobody's decider":  {[]string{"--decider-tokens=a=f"}, []string{"--decider-tokens", `"a"`, "no decider"}},
		"two tokens":                    {[]string{"--decider-tokens=a=f,a=g"}, []string{`"a"`, "two files"}},
		"a token that is no file":       {[]string{"--decider-tokens=f"}, []string{"owner=file"}},
		"half a decider's certificate":  {[]string{"--decider-key=k"}, []string{"--decider-cert", "--decider-key"}},
		"no connections":                {[]string{"--max-connections=0"}, []string{"--max-connections", "1 to"}},
		"a negative rate":               {[]string{"--owner-rate=-1"}, []string{"--owner-rate", "-1"}},
		"negative units":                {[]string{"--owner-held-units=-1"}, []string{"--owner-held-units", "-1"}},
		"an address that is none":       {[]string{"--admin-listen=here"}, []string{"--admin-listen", `"here"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, tt.args...)
			if tt.want == nil {
				require.NoError(t, err)
			}
			for _, part := range tt.want {
				require.ErrorContains(t, err, part)
			}
		})
	}
}

// Whoever is reached by others says who they are and keeps it to themselves, or
// says that somebody else takes care.
func TestOnlyThisMachineMayCallUnasked(t *testing.T) {
	open, half := config.Security{}, config.Security{AccessPolicy: "p"}
	full, insecure := config.Security{TLSCert: "c", AccessPolicy: "p"}, config.Security{Insecure: true}
	for address, exposed := range map[string]bool{
		"127.0.0.1:8080": false, "127.0.0.7:0": false, "[::1]:8080": false, "localhost:8080": false,
		":8080": true, "0.0.0.0:8080": true, "[::]:8080": true, "10.0.0.1:8080": true, "stockhold.internal:8080": true, "127.0.0.1.evil.example:80": true,
	} {
		require.Equal(t, exposed, open.CheckListen("listen", address) != nil, address)
		require.Equal(t, exposed, half.CheckListen("listen", address) != nil, "%s: tokens would travel in clear text", address)
		require.NoError(t, full.CheckListen("listen", address))
		require.NoError(t, insecure.CheckListen("listen", address))
	}
	err := open.CheckListen("sweep-listen", ":9090")
	require.ErrorIs(t, err, config.ErrExposed)
	for _, part := range []string{"--sweep-listen", `":9090"`, "--tls-cert", "--access-policy", "--insecure", "127.0.0.1"} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, half.CheckListen("listen", ":1").Error(), "--access-policy", "that is there")
}
