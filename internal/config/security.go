package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"stockhold/internal/tokens"
)

// Security is who may reach the server, how they prove who they are, how much
// each may ask for, and how stockhold proves itself to deciders.
type Security struct {
	Insecure      bool     `name:"insecure" env:"STOCKHOLD_INSECURE" negatable:"" help:"Let serve and sweep listen on an address that other machines reach without TLS, or without an access policy. For networks that keep strangers out by other means."`
	TLSCert       string   `name:"tls-cert" env:"STOCKHOLD_TLS_CERT" placeholder:"FILE" help:"PEM file of the server's certificate and its chain: calls come by TLS only. Files of this group are looked at every few seconds, and what changed holds without a restart."`
	TLSKey        string   `name:"tls-key" env:"STOCKHOLD_TLS_KEY" placeholder:"FILE" help:"PEM file of that certificate's key."`
	TLSClientCA   string   `name:"tls-client-ca" env:"STOCKHOLD_TLS_CLIENT_CA" placeholder:"FILE" help:"PEM file of the authorities that sign callers' certificates. A caller is known by the DNS names and URIs in its certificate."`
	AccessPolicy  string   `name:"access-policy" env:"STOCKHOLD_ACCESS_POLICY" placeholder:"FILE" help:"YAML file that says who may do what. With it every call needs a caller that it knows; without, everybody may do everything."`
	JWTIssuer     string   `name:"jwt-issuer" env:"STOCKHOLD_JWT_ISSUER" placeholder:"URL" help:"Who issues the bearer tokens of callers: the iss of each, to the letter."`
	JWTAudience   []string `name:"jwt-audience" env:"STOCKHOLD_JWT_AUDIENCE" placeholder:"NAME,..." help:"For whom tokens must be issued: one aud of each must be one of these."`
	JWTKeysFile   string   `name:"jwt-keys-file" env:"STOCKHOLD_JWT_KEYS_FILE" placeholder:"FILE" help:"JSON Web Key Set with the issuer's public keys."`
	JWTKeysURL    string   `name:"jwt-keys-url" env:"STOCKHOLD_JWT_KEYS_URL" secret:"url" placeholder:"URL" help:"Where the issuer publishes that key set instead: https, or http on this machine. Fetched every 5 minutes."`
	JWTKeysCA     string   `name:"jwt-keys-ca" env:"STOCKHOLD_JWT_KEYS_CA" placeholder:"FILE" help:"PEM file of the authorities of that URL's certificate. Empty: the system's."`
	JWTKeysToken  string   `name:"jwt-keys-token-file" env:"STOCKHOLD_JWT_KEYS_TOKEN_FILE" placeholder:"FILE" help:"File that holds a bearer token for that URL, which the API server of Kubernetes wants."`
	AdminListen   string   `name:"admin-listen" env:"STOCKHOLD_ADMIN_LISTEN" placeholder:"HOST:PORT" help:"A second address of serve, for /metrics, /healthz and /readyz alone, without TLS and open to whoever reaches it. With it the first address has no /metrics."`
	Connections   int      `name:"max-connections" env:"STOCKHOLD_MAX_CONNECTIONS" default:"10000" help:"Most connections at once. Those beyond wait until another one ends."`
	CallerRate    int      `name:"caller-rate" env:"STOCKHOLD_CALLER_RATE" default:"0" help:"Calls a second of one caller, where the access policy does not say. 0: no limit. Calls beyond it are refused as OVERLOADED, unread."`
	CallerCalls   int      `name:"caller-calls" env:"STOCKHOLD_CALLER_CALLS" default:"0" help:"Most calls of one caller under way at once, where the access policy does not say. 0: half of --max-calls. Those beyond are refused as OVERLOADED, unread."`
	OwnerRate     int      `name:"owner-rate" env:"STOCKHOLD_OWNER_RATE" default:"0" help:"Calls a second in the name of one owner, each item of a batch being one, where the access policy does not say. 0: no limit. Those beyond are refused as OVERLOADED."`
	OwnerHeld     int64    `name:"owner-held-units" env:"STOCKHOLD_OWNER_HELD_UNITS" default:"0" help:"Most units held in the name of one owner and not yet confirmed, where the access policy does not say. 0: no limit. Trys beyond it are refused as OVERLOADED."`
	DeciderCA     string   `name:"decider-ca" env:"STOCKHOLD_DECIDER_CA" placeholder:"FILE" help:"PEM file of the authorities of deciders' certificates. Empty: the system's."`
	DeciderCert   string   `name:"decider-cert" env:"STOCKHOLD_DECIDER_CERT" placeholder:"FILE" help:"PEM file of the certificate that stockhold shows to deciders."`
	DeciderKey    string   `name:"decider-key" env:"STOCKHOLD_DECIDER_KEY" placeholder:"FILE" help:"PEM file of that certificate's key."`
	DeciderTokens Files    `name:"decider-tokens" env:"STOCKHOLD_DECIDER_TOKENS" placeholder:"OWNER=FILE,..." help:"By owner, the file that holds the bearer token which stockhold shows to that owner's decider. Each decider sees its own only."`
}

// Files are names of files by owner.
type Files map[string]string

// Decode reads what the parser has: the text of a flag or a variable, or the
// mapping of a file.
func (f *Files) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("owner=file")
	if err != nil {
		return err
	}
	if mapping, ok := token.Value.(map[string]string); ok {
		*f = nil
		if len(mapping) > 0 {
			*f = maps.Clone(mapping)
		}
		return nil
	}
	return f.UnmarshalText([]byte(token.String()))
}

// UnmarshalText adds files written as owner=file,owner=file.
func (f *Files) UnmarshalText(text []byte) error {
	if *f == nil {
		*f = Files{}
	}
	if len(text) == 0 {
		return nil
	}
	for i, part := range strings.Split(string(text), ",") {
		owner, file, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found || owner == "" || file == "" {
			return fmt.Errorf("want owner=file with commas between, and number %d is not", i+1)
		}
		if (*f)[owner] != "" {
			return fmt.Errorf("owner %q has two files", owner)
		}
		(*f)[owner] = file
	}
	return nil
}

// Secured reports whether calls come by TLS.
func (s Security) Secured() bool { return s.TLSCert != "" }

// Known reports whether callers are asked who they are.
func (s Security) Known() bool { return s.AccessPolicy != "" }

// Tokens reports whether callers may show tokens.
func (s Security) Tokens() bool { return s.JWTIssuer != "" }

func (s *Security) check(k *checker, deciders Deciders) {
	if len(s.JWTAudience) == 0 {
		s.JWTAudience = nil // an empty list in a file is the default
	}
	k.together(setting{"tls-cert", s.TLSCert}, setting{"tls-key", s.TLSKey})
	k.together(setting{"decider-cert", s.DeciderCert}, setting{"decider-key", s.DeciderKey})
	k.needs(setting{"tls-client-ca", s.TLSClientCA}, setting{"tls-cert", s.TLSCert})
	k.needs(setting{"tls-client-ca", s.TLSClientCA}, setting{"access-policy", s.AccessPolicy})
	k.needs(setting{"jwt-issuer", s.JWTIssuer}, setting{"access-policy", s.AccessPolicy})
	if s.Known() && s.TLSClientCA == "" && !s.Tokens() {
		k.fault("access-policy", "needs %s or %s beside it: nobody could prove who they are", named("tls-client-ca"), named("jwt-issuer"))
	}
	s.checkTokens(k)
	if s.AdminListen != "" {
		k.address("admin-listen", s.AdminListen)
	}
	k.number("max-connections", int64(s.Connections), 1, 1<<20)
	k.number("caller-calls", int64(s.CallerCalls), 0, 1<<20)
	k.number("caller-rate", int64(s.CallerRate), 0, 1e9)
	k.number("owner-rate", int64(s.OwnerRate), 0, 1e9)
	k.number("owner-held-units", s.OwnerHeld, 0, 1e15)
	for _, owner := range slices.Sorted(maps.Keys(s.DeciderTokens)) {
		address := deciders[owner]
		if address == "" {
			k.fault("decider-tokens", "has a file for owner %q, which has no decider", owner)
		} else if !keepsSecrets(address) {
			k.fault("decider-tokens", "has a file for owner %q, whose decider has no https: anybody on the way would have the token", owner)
		}
	}
}

func (s *Security) checkTokens(k *checker) {
	for _, other := range []setting{
		{"jwt-audience", strings.Join(s.JWTAudience, ",")}, {"jwt-keys-file", s.JWTKeysFile}, {"jwt-keys-url", s.JWTKeysURL},
	} {
		k.needs(other, setting{"jwt-issuer", s.JWTIssuer})
	}
	k.needs(setting{"jwt-keys-ca", s.JWTKeysCA}, setting{"jwt-keys-url", s.JWTKeysURL})
	k.needs(setting{"jwt-keys-token-file", s.JWTKeysToken}, setting{"jwt-keys-url", s.JWTKeysURL})
	if !s.Tokens() {
		return
	}
	if len(s.JWTAudience) == 0 || slices.Contains(s.JWTAudience, "") {
		k.fault("jwt-audience", "is empty: a token that its caller got for another service would do")
	}
	if (s.JWTKeysFile == "") == (s.JWTKeysURL == "") {
		k.fault("jwt-keys-file", "or %s must say where the issuer's keys are: one of them, not both", named("jwt-keys-url"))
	}
	if s.JWTKeysURL != "" {
		if err := tokens.CheckURL(s.JWTKeysURL); err != nil {
			k.fault("jwt-keys-url", "cannot be used: %v", err)
		}
	}
}

// setting is one with a value that is text.
type setting struct{ flag, value string }

func (c *checker) together(a, b setting) {
	if (a.value == "") != (b.value == "") {
		c.fault(a.flag, "and %s go together: one of them is not set", named(b.flag))
	}
}

func (c *checker) needs(a, b setting) {
	if a.value != "" && b.value == "" {
		c.fault(a.flag, "needs %s beside it", named(b.flag))
	}
}

// keepsSecrets reports whether nobody on the way to a URL can read along.
func keepsSecrets(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || isLoopback(u.Hostname()))
}

// ErrExposed: other machines could reach the server, and nothing would ask them
// who they are, or keep what they say to themselves.
var ErrExposed = errors.New("refused for safety")

// CheckListen refuses to listen on an address that other machines reach unless
// callers have to prove who they are, and nobody on the way can read along. flag is
// the setting that the address came from. What only this machine reaches is no
// matter, and --insecure says that somebody else takes care.
func (s Security) CheckListen(flag, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || s.Insecure || isLoopback(host) || s.Secured() && s.Known() {
		return nil // what is no address fails elsewhere
	}
	var missing []string
	if !s.Secured() {
		missing = append(missing, "no TLS (set "+named("tls-cert")+" and "+named("tls-key")+")")
	}
	if !s.Known() {
		missing = append(missing, "nobody asks who calls (set "+named("access-policy")+")")
	}
	return fmt.Errorf("%w: %s is %q, which other machines reach, and there is %s; listen on 127.0.0.1, or say %s if the network keeps strangers out",
		ErrExposed, named(flag), address, strings.Join(missing, ", and "), named("insecure"))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
