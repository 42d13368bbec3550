package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"stockhold/internal/access"
	"stockhold/internal/certs"
	"stockhold/internal/config"
	"stockhold/internal/livefile"
	"stockhold/internal/quota"
	"stockhold/internal/tokens"
	"stockhold/sweeper/decider"
)

// security is everything that a process needs to know its callers, and to be
// known to deciders. What it read from files follows the files.
type security struct {
	cfg      config.Security
	maxCalls int
	watch    *livefile.Watch

	server   *certs.Server                   // nil: calls come without TLS
	policy   *livefile.Value[*access.Policy] // nil: everybody may do everything
	control  *access.Control                 // nil with policy
	keys     *tokens.Remote                  // nil: no keys at a URL
	deciders *certs.Client
	words    map[string]*livefile.Value[string] // the tokens for deciders, by owner
}

// newSecurity reads the files that the settings name, those about callers only
// where any are listened to. It starts nothing.
func newSecurity(cfg config.Config, listens bool, log *slog.Logger) (*security, error) {
	s := &security{cfg: cfg.Security, maxCalls: cfg.Server.MaxCalls, watch: livefile.NewWatch(0, log), words: map[string]*livefile.Value[string]{}}
	var err error
	if listens && s.cfg.Secured() {
		pair := certs.Pair{Cert: s.cfg.TLSCert, Key: s.cfg.TLSKey}
		if s.server, err = certs.NewServer(s.watch, pair, s.cfg.TLSClientCA); err != nil {
			return nil, err
		}
	}
	if listens && s.cfg.Known() {
		if err := s.loadPolicy(log); err != nil {
			return nil, err
		}
	}
	pair := certs.Pair{Cert: s.cfg.DeciderCert, Key: s.cfg.DeciderKey}
	if s.deciders, err = certs.NewClient(s.watch, "deciders", s.cfg.DeciderCA, pair); err != nil {
		return nil, err
	}
	for owner, file := range s.cfg.DeciderTokens {
		if s.words[owner], err = loadToken(s.watch, "the token for the decider of "+owner, file); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// CheckSecurity reads the files that the settings name, as a start does, and
// returns what is wrong with them. The log hears of what a start would warn of.
func CheckSecurity(cfg config.Config, log *slog.Logger) error {
	_, err := newSecurity(cfg, true, log)
	return err
}

func (s *security) loadPolicy(log *slog.Logger) (err error) {
	if s.policy, err = access.LoadPolicy(s.watch, s.cfg.AccessPolicy); err != nil {
		return err
	}
	options := access.Options{Policy: s.policy.Get, Logger: log}
	if s.cfg.TLSClientCA != "" {
		options.Certificate = s.server.Verify
	}
	if s.cfg.Tokens() {
		source, err := s.loadKeys(log)
		if err != nil {
			return err
		}
		options.Token = tokens.NewVerifier(source, s.cfg.JWTIssuer, s.cfg.JWTAudience).Subject
	}
	s.control = access.New(options)
	certificates, bearers := s.policy.Get().Uses()
	if certificates && options.Certificate == nil {
		log.Warn("the access policy speaks of certificates (san:), and none are accepted: --tls-client-ca is not set")
	}
	if bearers && options.Token == nil {
		log.Warn("the access policy speaks of tokens (jwt:), and none are accepted: --jwt-issuer is not set")
	}
	return nil
}

func (s *security) loadKeys(log *slog.Logger) (tokens.Source, error) {
	if s.cfg.JWTKeysFile != "" {
		return tokens.NewFile(s.watch, s.cfg.JWTKeysFile)
	}
	trust, err := certs.NewClient(s.watch, "the token issuer's key server", s.cfg.JWTKeysCA, certs.Pair{})
	if err != nil {
		return nil, err
	}
	options := tokens.RemoteOptions{TLS: trust.Config, Logger: log}
	if s.cfg.JWTKeysToken != "" {
		word, err := loadToken(s.watch, "the token for the token issuer's key server", s.cfg.JWTKeysToken)
		if err != nil {
			return nil, err
		}
		options.Bearer = word.Get
	}
	s.keys, err = tokens.NewRemote(s.cfg.JWTKeysURL, options)
	return s.keys, err
}

// loadToken reads a bearer token. No message says what is in its file.
func loadToken(w *livefile.Watch, name, file string) (*livefile.Value[string], error) {
	return livefile.Load(w, name, []string{file}, func(contents [][]byte) (string, error) {
		word := string(bytes.TrimSpace(contents[0]))
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", errors.New("the file holds no token: one word of printable ASCII")
		}
		return word, nil
	})
}

// start follows the files, and fetches the keys of the token issuer. A key server
// that is away keeps nobody from starting: callers with tokens are told to come
// back until it answers.
func (s *security) start(ctx context.Context, parts *lifecycle, log *slog.Logger) {
	parts.background("the watch over certificates and policies", s.watch.Run)
	if s.keys == nil {
		return
	}
	if err := s.keys.Fetch(ctx); err != nil {
		log.Error("the token issuer's keys could not be fetched: until they are, nobody is known by a token", "error", err)
	}
	parts.background("the token issuer's keys", s.keys.Run)
}

// prepareReload looks at all files at once.
func (s *security) prepareReload(config.Config) (reloadChange, error) {
	apply, names, err := s.watch.Prepare()
	if err != nil {
		return reloadChange{}, err
	}
	if s.keys != nil {
		s.keys.Missing()
	}
	if len(names) == 0 {
		return reloadChange{}, nil
	}
	return reloadChange{apply: apply, says: names}, nil
}

// config is for a listener; nil: without TLS.
func (s *security) tls() *tls.Config {
	if s.server == nil {
		return nil
	}
	return s.server.Config()
}

// admit is nil where nobody is asked who calls.
func (s *security) admit() func(*http.Request) (*access.Caller, error) {
	if s.control == nil {
		return nil
	}
	return s.control.Admit
}

// guard shows a page only to callers whom the policy allows it.
func (s *security) guard(page http.Handler) http.Handler {
	if s.control == nil {
		return page
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _, err := s.control.Admit(r); {
		case err == nil:
			page.ServeHTTP(w, r)
		case errors.Is(err, access.ErrDenied):
			say(w, http.StatusForbidden, err.Error())
		case errors.Is(err, tokens.ErrNoKeys):
			say(w, http.StatusServiceUnavailable, err.Error())
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			say(w, http.StatusUnauthorized, err.Error())
		}
	})
}

// callerLimit is how much a caller may ask for: by the policy, else by the
// settings. No caller takes all places unless somebody says that it may.
func (s *security) callerLimit(c *access.Caller) quota.Caller {
	limit := quota.Caller{Rate: quota.Rate{PerSecond: float64(s.cfg.CallerRate)}, AtOnce: s.cfg.CallerCalls}
	if c.Quota.Rate > 0 {
		limit.Rate = quota.Rate{PerSecond: c.Quota.Rate, Burst: c.Quota.Burst}
	}
	if c.Quota.AtOnce > 0 {
		limit.AtOnce = c.Quota.AtOnce
	}
	if limit.AtOnce == 0 {
		limit.AtOnce = max(1, s.maxCalls/2)
	}
	return limit
}

// ownerLimit is how much may be asked for in the name of an owner; nil where
// nothing limits anybody.
func (s *security) ownerLimit() func(owner string) quota.Owner {
	byDefault := quota.Owner{Rate: quota.Rate{PerSecond: float64(s.cfg.OwnerRate)}, Held: s.cfg.OwnerHeld}
	if s.policy == nil {
		if byDefault == (quota.Owner{}) {
			return nil
		}
		return func(string) quota.Owner { return byDefault }
	}
	return func(owner string) quota.Owner {
		limit := byDefault
		if own, ok := s.policy.Get().OwnerQuota(owner); ok {
			if own.Rate > 0 {
				limit.Rate = quota.Rate{PerSecond: own.Rate, Burst: own.Burst}
			}
			if own.Held > 0 {
				limit.Held = own.Held
			}
		}
		return limit
	}
}

// decider is how to reach the decider of an owner.
func (s *security) decider(owner string, timeout time.Duration) decider.Options {
	options := decider.Options{Timeout: timeout, TLS: s.deciders.Config}
	if word := s.words[owner]; word != nil {
		options.Token = word.Get
	}
	return options
}

// checkListen is the rule about addresses, for an address that a process is about
// to listen on. The log hears of what --insecure allows.
func checkListen(cfg config.Security, flag, address string, log *slog.Logger) error {
	if err := cfg.CheckListen(flag, address); err != nil {
		return err
	}
	cfg.Insecure = false
	if err := cfg.CheckListen(flag, address); err != nil {
		log.Warn("INSECURE, because --insecure says so", "otherwise", err)
	}
	return nil
}

// startSecurity reads certificates, keys and the policy before anything is opened,
// and refuses an address that is not safe.
func (a *App) startSecurity(ctx context.Context) (err error) {
	if err := checkListen(a.cfg.Security, "listen", a.cfg.Server.Listen, a.log); err != nil {
		return err
	}
	if a.security, err = newSecurity(a.cfg, true, a.log); err != nil {
		return err
	}
	a.security.start(ctx, a.parts, a.log)
	a.reloads.add("certificates and policies", a.security.prepareReload)
	return nil
}

// startQuotas watches over what owners hold, where that is limited.
func (a *App) startQuotas() (limit func(owner string) quota.Owner, holdings *quota.Holdings) {
	if limit = a.security.ownerLimit(); limit != nil {
		holdings = quota.NewHoldings(a.ledger, a.log)
		a.parts.background("the watch over what owners hold", holdings.Run)
	}
	return limit, holdings
}
