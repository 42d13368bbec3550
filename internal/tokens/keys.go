package tokens

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Keys are the public keys of an issuer.
type Keys struct {
	byID map[string][]jose.JSONWebKey
	only *jose.JSONWebKey // if there is one only
}

const (
	mostKeys = 100  // of an issuer
	leastRSA = 2048 // bits
)

var errNoKeys = errors.New("it holds no public key that signs tokens")

// ParseKeys reads a JSON Web Key Set. Keys of other kinds and for other uses are
// passed over, as the standard wants it; so are secret ones.
func ParseKeys(text []byte) (*Keys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("it is no JSON Web Key Set")
	}
	if len(set.Keys) > mostKeys {
		return nil, fmt.Errorf("it holds %d keys, more than %d", len(set.Keys), mostKeys)
	}
	keys := &Keys{byID: map[string][]jose.JSONWebKey{}}
	n := 0
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || !signs(&key) {
			continue
		}
		keys.byID[key.KeyID] = append(keys.byID[key.KeyID], key)
		keys.only = &key
		n++
	}
	if n == 0 {
		return nil, errNoKeys
	}
	if n > 1 {
		keys.only = nil
	}
	return keys, nil
}

func signs(key *jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < leastRSA {
		return false
	}
	return true
}

// find returns the keys that may have signed a token with such a header.
func (k *Keys) find(header jose.Header) []jose.JSONWebKey {
	var found []jose.JSONWebKey
	candidates := k.byID[header.KeyID]
	if header.KeyID == "" && k.only != nil {
		candidates = []jose.JSONWebKey{*k.only}
	} else if header.KeyID == "" {
		return nil
	}
	for _, key := range candidates {
		if key.Algorithm == "" || key.Algorithm == header.Algorithm {
			found = append(found, key)
		}
	}
	return found
}
