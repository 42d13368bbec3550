package tokens

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"stockhold/internal/leaktest"
	"stockhold/internal/livefile"
	"stockhold/internal/tokenstest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// fixed has the same keys for ever.
type fixed struct {
	keys    *Keys
	version uint64
	missed  int
}

func (f *fixed) Keys() (*Keys, uint64) { return f.keys, f.version }
func (f *fixed) Missing()              { f.missed++ }

func verifierOf(t *testing.T, keys ...jose.JSONWebKey) (*Verifier, *fixed) {
	t.Helper()
	parsed, err := ParseKeys(tokenstest.KeySet(t, keys...))
	require.NoError(t, err)
	source := &fixed{keys: parsed, version: 1}
	return NewVerifier(source, tokenstest.Name, []string{"another", tokenstest.Audience}), source
}

func TestGoodTokens(t *testing.T) {
	issuer := tokenstest.New(t, "k1")
	v, _ := verifierOf(t, issuer.Public(), tokenstest.New(t, "k2").Public())
	for range 2 { // once looked at, once remembered
		subject, err := v.Subject(issuer.Token(t, "system:serviceaccount:shop:orders"))
		require.NoError(t, err)
		require.Equal(t, "system:serviceaccount:shop:orders", subject)
	}
	kubernetes := struct {
		jwt.Claims
		Pod any `json:"kubernetes.io"`
	}{tokenstest.Claims("system:serviceaccount:shop:orders"), map[string]any{"namespace": "shop"}}
	_, err := v.Subject(issuer.Sign(t, kubernetes))
	require.NoError(t, err)

	key, err := rsa.GenerateKey(rand.Reader, leastRSA)
	require.NoError(t, err)
	v, _ = verifierOf(t, jose.JSONWebKey{Key: key.Public(), KeyID: "rsa"})
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.PS512} {
		_, err = v.Subject(tokenstest.SignWith(t, jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: "rsa"}}, tokenstest.Claims("shop")))
		require.NoError(t, err)
		_, err = v.Subject(tokenstest.SignWith(t, jose.SigningKey{Algorithm: algorithm, Key: key}, tokenstest.Claims("shop")))
		require.NoError(t, err, "there is only one key")
	}
}

// Each way in which a token may be no proof.
func TestForgedAndExpiredTokens(t *testing.T) {
	issuer, other := tokenstest.New(t, "k1"), tokenstest.New(t, "k1")
	v, source := verifierOf(t, issuer.Public(), tokenstest.New(t, "k2").Public())
	changed := func(change func(*jwt.Claims)) string {
		claims := tokenstest.Claims("shop")
		change(&claims)
		return issuer.Sign(t, claims)
	}
	public, err := x509.MarshalPKIXPublicKey(issuer.Key.Public())
	require.NoError(t, err)
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	good := issuer.Token(t, "shop")
	parts := strings.Split(good, ".")

	for name, tt := range map[string]struct {
		token string
		want  error
	}{
		"signed by another key":             {other.Token(t, "shop"), ErrForged},
		"signed by a key nobody knows":      {tokenstest.New(t, "k9").Token(t, "shop"), ErrForged},
		"no key named, and several there":   {tokenstest.SignWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: issuer.Key}, tokenstest.Claims("shop")), ErrForged},
		"another one's claims under a seal": {parts[0] + "." + part(`{"iss":"`+tokenstest.Name+`","sub":"root","aud":"stockhold","exp":99999999999}`) + "." + parts[2], ErrForged},
		"not signed":                        {part(`{"alg":"none"}`) + "." + parts[1] + ".", ErrMalformed},
		"not signed, with a key's name":     {part(`{"alg":"none","kid":"k1"}`) + "." + parts[1] + ".", ErrMalformed},
		"the public key taken for a secret": {tokenstest.SignWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: secret, KeyID: "k1"}}, tokenstest.Claims("shop")), ErrMalformed},
		"a key that it brings along":        {withOwnKey(t, other), ErrForged},
		"expired":                           {changed(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-Leeway - time.Second)) }), ErrExpired},
		"without an end":                    {changed(func(c *jwt.Claims) { c.Expiry = nil }), ErrNoExpiry},
		"not good yet":                      {changed(func(c *jwt.Claims) { c.NotBefore = jwt.NewNumericDate(time.Now().Add(2 * Leeway)) }), ErrTooEarly},
		"from the future":                   {changed(func(c *jwt.Claims) { c.IssuedAt = jwt.NewNumericDate(time.Now().Add(2 * Leeway)) }), ErrTooEarly},
		"another issuer":                    {changed(func(c *jwt.Claims) { c.Issuer += "/" }), ErrIssuer},
		"no issuer":                         {changed(func(c *jwt.Claims) { c.Issuer = "" }), ErrIssuer},
		"for somebody else":                 {changed(func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://kubernetes.default.svc"} }), ErrAudience},
		"for nobody":                        {changed(func(c *jwt.Claims) { c.Audience = nil }), ErrAudience},
		"nobody's":                          {changed(func(c *jwt.Claims) { c.Subject = "" }), ErrNoSubject},
		"cut off":                           {good[:len(good)-4], ErrForged},
		"one part too few":                  {parts[0] + "." + parts[1], ErrMalformed},
		"no token":                          {"hunter2", ErrMalformed},
		"nothing":                           {"", ErrMalformed},
		"longer than any":                   {strings.Repeat("a", maxToken+1), ErrMalformed},
		"claims that are no claims":         {issuer.Sign(t, map[string]any{"sub": 7}), ErrForged},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // what was refused is not remembered as good
				subject, err := v.Subject(tt.token)
				require.ErrorIs(t, err, tt.want)
				require.Empty(t, subject)
			}
		})
	}
	require.Empty(t, v.remembered)
	require.Positive(t, source.missed)

	within := changed(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-Leeway / 2)) })
	_, err = v.Subject(within)
	require.NoError(t, err, "clocks may differ a little")
}

// withOwnKey is signed by a key that its own header holds.
func withOwnKey(t *testing.T, issuer *tokenstest.Issuer) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: issuer.Key, KeyID: issuer.ID}}, &jose.SignerOptions{EmbedJWK: true})
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(tokenstest.Claims("shop")).Serialize()
	require.NoError(t, err)
	return token
}

// What was remembered of a token ends with the token, and with the keys.
func TestRememberedTokensEnd(t *testing.T) {
	issuer := tokenstest.New(t, "k1")
	v, source := verifierOf(t, issuer.Public())
	claims := tokenstest.Claims("shop")
	claims.Expiry = jwt.NewNumericDate(time.Now().Add(-Leeway + 8*time.Second)) // in eight seconds it is too old
	short, long := issuer.Sign(t, claims), issuer.Token(t, "shop")
	for _, token := range []string{short, long} {
		_, err := v.Subject(token)
		require.NoError(t, err)
	}
	require.Len(t, v.remembered, 2)
	require.Eventually(t, func() bool { _, err := v.Subject(short); return err != nil }, 30*time.Second, 50*time.Millisecond)

	next, err := ParseKeys(tokenstest.KeySet(t, tokenstest.New(t, "k1").Public()))
	require.NoError(t, err)
	source.keys, source.version = next, 2
	_, err = v.Subject(long)
	require.ErrorIs(t, err, ErrForged)

	source.keys = nil
	_, err = v.Subject(long)
	require.ErrorIs(t, err, ErrNoKeys)
}

func TestKeysThatDoNotCount(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err == nil { // Go may refuse to make one at all
		_, err = ParseKeys(tokenstest.KeySet(t, jose.JSONWebKey{Key: weak.Public(), KeyID: "weak"}))
	}
	require.Error(t, err)
	issuer := tokenstest.New(t, "k1")
	encrypting := issuer.Public()
	encrypting.Use = "enc"
	for name, key := range map[string]jose.JSONWebKey{
		"a secret":       {Key: []byte("a secret that is shared by two"), KeyID: "k1"},
		"a private key":  {Key: issuer.Key, KeyID: "k1"},
		"for encrypting": encrypting,
	} {
		_, err := ParseKeys(tokenstest.KeySet(t, key))
		require.ErrorIs(t, err, errNoKeys, name)
	}
	for _, text := range []string{"", "[]", "{}", `{"keys":[]}`, `{"keys":[{"kty":"new"}]}`, "<html>"} {
		_, err := ParseKeys([]byte(text))
		require.Error(t, err, text)
	}
	// One that is not understood does not spoil the others.
	set := bytes.Replace(tokenstest.KeySet(t, issuer.Public()), []byte(`{"keys":[`), []byte(`{"keys":[{"kty":"new","kid":"k0"},`), 1)
	keys, err := ParseKeys(set)
	require.NoError(t, err)
	require.NotNil(t, keys.only)

	another := issuer.Public()
	another.Algorithm = string(jose.ES384)
	v, _ := verifierOf(t, another)
	_, err = v.Subject(issuer.Token(t, "shop"))
	require.ErrorIs(t, err, ErrForged, "the key is for another algorithm")
}

func TestKeysInAFileAreReloaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	old, next := tokenstest.New(t, "k1"), tokenstest.New(t, "k2")
	old.Publish(t, path)
	w := livefile.NewWatch(0, slog.New(slog.DiscardHandler))
	file, err := NewFile(w, path)
	require.NoError(t, err)
	v := NewVerifier(file, tokenstest.Name, []string{tokenstest.Audience})
	_, err = v.Subject(old.Token(t, "shop"))
	require.NoError(t, err)

	next.Publish(t, path)
	require.NoError(t, w.Reload())
	_, err = v.Subject(next.Token(t, "shop"))
	require.NoError(t, err)
	_, err = v.Subject(old.Token(t, "shop"))
	require.ErrorIs(t, err, ErrForged)

	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	require.Error(t, w.Reload())
	_, err = v.Subject(next.Token(t, "shop"))
	require.NoError(t, err)
}
