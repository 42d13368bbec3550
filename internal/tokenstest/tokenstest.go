// Package tokenstest issues tokens for tests: good ones, and some that are not.
package tokenstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
)

// What the issuers below write into their tokens unless told otherwise.
const (
	Name     = "https://issuer.test"
	Audience = "stockhold"
)

// Issuer signs tokens.
type Issuer struct {
	ID  string // of its key
	Key *ecdsa.PrivateKey
}

// New makes an issuer whose key has an id.
func New(t testing.TB, id string) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return &Issuer{ID: id, Key: key}
}

// Public is the issuer's key as it is published.
func (i *Issuer) Public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: i.Key.Public(), KeyID: i.ID, Algorithm: string(jose.ES256), Use: "sig"}
}

// KeySet publishes keys.
func KeySet(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	require.NoError(t, err)
	return text
}

// Publish writes the issuer's key set to a file.
func (i *Issuer) Publish(t testing.TB, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, KeySet(t, i.Public()), 0o600))
}

// Claims are those of a good token, for an hour.
func Claims(subject string) jwt.Claims {
	now := time.Now()
	return jwt.Claims{
		Issuer: Name, Subject: subject, Audience: jwt.Audience{Audience},
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Hour)),
	}
}

// Token is a good one.
func (i *Issuer) Token(t testing.TB, subject string) string { return i.Sign(t, Claims(subject)) }

// Sign makes a token that says anything.
func (i *Issuer) Sign(t testing.TB, claims any) string {
	t.Helper()
	return SignWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.Key, KeyID: i.ID}}, claims)
}

// SignWith makes a token with any key.
func SignWith(t testing.TB, key jose.SigningKey, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(t, err)
	return token
}
