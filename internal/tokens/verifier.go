package tokens

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Leeway is how far the clocks of issuer and server may be apart.
const Leeway = 30 * time.Second

const (
	maxToken = 16 << 10 // bytes

	// A token that was verified is remembered: a caller shows the same one for
	// minutes, and a signature costs as much as a good part of a call. It is looked
	// at again after so long, and when the keys change.
	rememberFor    = time.Minute
	mostRemembered = 4096
)

var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Why a token does not count. The texts are for callers: they say nothing of
// what is configured.
var (
	ErrMalformed = errors.New("the token cannot be read")
	ErrForged    = errors.New("the token's signature is not the issuer's")
	ErrIssuer    = errors.New("the token is another issuer's")
	ErrAudience  = errors.New("the token is for another audience")
	ErrExpired   = errors.New("the token expired")
	ErrTooEarly  = errors.New("the token is not good yet")
	ErrNoExpiry  = errors.New("the token has no end")
	ErrNoSubject = errors.New("the token has no subject")
	// ErrNoKeys is no fault of the token: the issuer's keys are not known yet.
	ErrNoKeys = errors.New("the keys of the token's issuer are not known yet")
)

// Source has the issuer's keys.
type Source interface {
	// Keys are the present ones, nil for none yet; version changes with them.
	Keys() (keys *Keys, version uint64)
	// Missing says that a token names a key that is not there.
	Missing()
}

// Verifier knows one issuer. It is safe for concurrent use.
type Verifier struct {
	source    Source
	issuer    string
	audiences []string

	mu         sync.Mutex
	version    uint64 // of the keys that verified what is remembered
	remembered map[[sha256.Size]byte]verdict
}

type verdict struct {
	subject string
	until   time.Time
}

// NewVerifier accepts tokens of an issuer that are meant for any of the audiences.
func NewVerifier(source Source, issuer string, audiences []string) *Verifier {
	return &Verifier{source: source, issuer: issuer, audiences: audiences, remembered: map[[sha256.Size]byte]verdict{}}
}

// Subject returns whose a token is, or one of the errors above.
func (v *Verifier) Subject(token string) (string, error) {
	if len(token) > maxToken {
		return "", ErrMalformed
	}
	now := time.Now()
	keys, version := v.source.Keys()
	if keys == nil {
		return "", ErrNoKeys
	}
	digest := sha256.Sum256([]byte(token))
	if subject, ok := v.recall(digest, now, version); ok {
		return subject, nil
	}
	claims, err := v.open(token, keys)
	if err != nil {
		return "", err
	}
	if err := v.check(claims, now); err != nil {
		return "", err
	}
	until := claims.Expiry.Time().Add(Leeway)
	if soon := now.Add(rememberFor); soon.Before(until) {
		until = soon
	}
	v.keep(digest, verdict{claims.Subject, until}, version)
	return claims.Subject, nil
}

// open returns what a token says once its signature is seen to be the issuer's.
func (v *Verifier) open(token string, keys *Keys) (*jwt.Claims, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return nil, ErrMalformed // or signed by an algorithm that does not count
	}
	candidates := keys.find(parsed.Headers[0])
	if len(candidates) == 0 {
		v.source.Missing()
		return nil, ErrForged
	}
	for _, key := range candidates {
		claims := &jwt.Claims{}
		if parsed.Claims(key.Key, claims) == nil {
			return claims, nil
		}
	}
	return nil, ErrForged
}

func (v *Verifier) check(claims *jwt.Claims, now time.Time) error {
	expected := jwt.Expected{Issuer: v.issuer, AnyAudience: v.audiences, Time: now}
	switch err := claims.ValidateWithLeeway(expected, Leeway); {
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return ErrIssuer
	case errors.Is(err, jwt.ErrInvalidAudience):
		return ErrAudience
	case errors.Is(err, jwt.ErrExpired):
		return ErrExpired
	case err != nil:
		return ErrTooEarly
	case claims.Expiry == nil:
		return ErrNoExpiry
	case claims.Subject == "":
		return ErrNoSubject
	}
	return nil
}

func (v *Verifier) recall(digest [sha256.Size]byte, now time.Time, version uint64) (string, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found, ok := v.remembered[digest]
	return found.subject, ok && v.version == version && !now.After(found.until)
}

func (v *Verifier) keep(digest [sha256.Size]byte, found verdict, version uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if version != v.version || len(v.remembered) >= mostRemembered {
		clear(v.remembered)
		v.version = version
	}
	v.remembered[digest] = found
}
