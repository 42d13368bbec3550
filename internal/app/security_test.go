package app_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"stockhold/internal/app"
	"stockhold/internal/certstest"
	"stockhold/internal/config"
	"stockhold/internal/tokenstest"
)

// Over TLS, by certificate and by token: who is known is served, and nobody else.
func TestCallersMustBeKnown(t *testing.T) {
	f := startFortress(t, embedded(t))
	f.stock(t)
	status, text := f.shopA(t).call("Try", mugs)
	require.Equal(t, http.StatusOK, status, text)
	bySPIFFE := f.caller(t, "", f.clients.Client(t, "spiffe://cluster/shop-a"))
	status, text = bySPIFFE.call("Try", mugs)
	require.Equal(t, http.StatusOK, status, text)
	require.Contains(t, text, `"replayed":true`)

	late := tokenstest.Claims("system:serviceaccount:shop-a:orders")
	late.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Hour))
	for name, c := range map[string]*caller{
		"nobody":             f.caller(t, ""),
		"an expired token":   f.caller(t, f.issuer.Sign(t, late)),
		"a forged token":     f.caller(t, tokenstest.New(t, "k1").Token(t, "system:serviceaccount:shop-a:orders")),
		"no token":           f.caller(t, "hunter2"),
		"the wrong SAN":      f.caller(t, "", f.clients.Client(t, "spiffe://cluster/shop-x")),
		"an unknown subject": f.caller(t, f.issuer.Token(t, "system:serviceaccount:shop-a:default")),
	} {
		status, text := c.call("Try", mugs)
		require.Equal(t, http.StatusUnauthorized, status, "%s: %s", name, text)
		require.NotContains(t, text, "hunter2")
		status, _ = c.do(http.MethodGet, "/metrics", "")
		require.Equal(t, http.StatusUnauthorized, status, name)
		for _, probe := range []string{"/healthz", "/readyz"} {
			status, _ = c.do(http.MethodGet, probe, "")
			require.Equal(t, http.StatusOK, status, "%s: probes need not say who they are", name)
		}
	}
	status, _ = f.shopA(t).call("SetStock", `{"sku":"mug","onHand":1000}`)
	require.Equal(t, http.StatusForbidden, status)
	status, _ = f.shopA(t).do(http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusForbidden, status, "metrics name every owner")
	status, text = f.caller(t, f.issuer.Token(t, "prometheus")).do(http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "stockhold_rpc_denied")

	plain := &caller{t, "http://" + f.Addr(), &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, ""}
	status, _ = plain.do(http.MethodGet, "/healthz", "")
	require.Equal(t, http.StatusBadRequest, status, "without TLS not even that")
	require.NotContains(t, f.log.String(), "hunter2")
}

// Another owner's reservation is answered, to the byte, as if it were not there.
func TestAnotherOwnersReservationIsNotThere(t *testing.T) {
	f := startFortress(t, embedded(t))
	f.stock(t)
	a, b := f.shopA(t), f.caller(t, f.issuer.Token(t, "shop-b"))
	const id = `{"owner":"shop-a","reservationId":"order-1"}`
	calls := []string{"GetReservation", "Confirm", "Extend", "Fulfill", "Return", "Cancel"}

	before, own := map[string]string{}, map[string]string{}
	for _, call := range calls {
		_, before[call] = b.call(call, id)
		if call != "Cancel" { // which its owner may send first
			_, own[call] = a.call(call, id)
			require.Equal(t, own[call], before[call], "%s of what is not there", call)
		}
	}
	status, text := a.call("Try", mugs)
	require.Equal(t, http.StatusOK, status, text)
	for _, call := range calls {
		status, after := b.call(call, id)
		require.Equal(t, http.StatusNotFound, status, call)
		require.Equal(t, before[call], after, "%s of what is there", call)
	}
	status, text = b.call("BatchCancel", `{"requests":[`+id+`,{"owner":"shop-b","reservationId":"none"}]}`)
	require.Equal(t, http.StatusOK, status, text)
	require.Contains(t, text, "NOT_FOUND")
	require.Contains(t, text, "STATE_CANCELED")

	for _, body := range []string{mugs, strings.ReplaceAll(mugs, "order-1", "order-2")} {
		status, text = b.call("Try", body)
		require.Equal(t, http.StatusForbidden, status, "a Try tells as little, whether the id is known or not: %s", text)
	}
	status, _ = b.call("ListReservations", `{"owner":"shop-a"}`)
	require.Equal(t, http.StatusForbidden, status)
	status, _ = b.call("GetReservation", `{"reservationId":"order-1"}`)
	require.Equal(t, http.StatusNotFound, status, "no owner is the owner default, not the caller's")

	status, text = a.call("GetReservation", id)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "STATE_RESERVED", "nothing of all that did anything")
}

// Certificates, keys and the policy are those of the files, and a broken file
// changes nothing.
func TestSecurityFilesAreReloaded(t *testing.T) {
	f := startFortress(t, embedded(t))
	f.stock(t)
	status, _ := f.shopA(t).call("GetReservation", `{"owner":"shop-a","reservationId":"x"}`)
	require.Equal(t, http.StatusNotFound, status)

	next := tokenstest.New(t, "k2")
	next.Publish(t, f.cfg.Security.JWTKeysFile)
	f.write(t, f.cfg.Security.AccessPolicy, "callers: [{name: root, subjects: ['jwt:root'], roles: [everything]}]")
	newServer := certstest.NewAuthority(t)
	newServer.Server(t).Write(t, f.folder)
	moved := f.caller(t, next.Token(t, "shop-b"))
	moved.client.Transport.(*http.Transport).TLSClientConfig.RootCAs = newServer.Pool()
	require.Eventually(t, func() bool {
		status, _ := moved.call("GetReservation", `{"owner":"shop-b","reservationId":"x"}`)
		return status == http.StatusNotFound
	}, patience, 100*time.Millisecond)
	require.Eventually(t, func() bool { return strings.Contains(f.log.String(), "everything") }, patience, 50*time.Millisecond)
	require.Contains(t, f.log.String(), "level=ERROR")

	f.write(t, f.cfg.Security.AccessPolicy, strings.ReplaceAll(accessPolicy, "jwt:shop-b", "jwt:shop-c"))
	require.Eventually(t, func() bool {
		status, _ := moved.call("GetReservation", `{"owner":"shop-b","reservationId":"x"}`)
		return status == http.StatusUnauthorized
	}, patience, 100*time.Millisecond)
}

// A start with files that cannot be used does not begin, and says which.
func TestSecurityFilesMustBeRight(t *testing.T) {
	for name, spoil := range map[string]func(f *fortress) (want string){
		"the policy": func(f *fortress) string {
			f.write(t, f.cfg.Security.AccessPolicy, "callers: []")
			return "the access policy"
		},
		"the keys": func(f *fortress) string {
			f.write(t, f.cfg.Security.JWTKeysFile, "{}")
			return "the token issuer's keys"
		},
		"the certificate": func(f *fortress) string {
			f.write(t, f.cfg.Security.TLSCert, "none")
			return "the server's certificate"
		},
		"the authorities": func(f *fortress) string {
			require.NoError(t, os.Remove(f.cfg.Security.TLSClientCA))
			return "the authorities of client certificates"
		},
		"a decider's token": func(f *fortress) string {
			f.cfg.Sweeper.Deciders = config.Deciders{"shop-a": "https://127.0.0.1:1"}
			f.cfg.Security.DeciderTokens = config.Files{"shop-a": filepath.Join(f.folder, "token")}
			f.write(t, filepath.Join(f.folder, "token"), "two hunter2 words")
			return "the token for the decider of shop-a"
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := fortified(t, embedded(t))
			want := spoil(f)
			err := refused(t, f.cfg)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "hunter2")
			require.ErrorContains(t, app.CheckSecurity(f.cfg, new(journal).logger()), want)
		})
	}
	require.NoError(t, app.CheckSecurity(fortified(t, embedded(t)).cfg, new(journal).logger()))

	// What cannot work for some is a warning, before a start as at one.
	f, log := fortified(t, embedded(t)), new(journal)
	f.cfg.Security.TLSClientCA = ""
	require.NoError(t, app.CheckSecurity(f.cfg, log.logger()))
	require.Contains(t, log.String(), "speaks of certificates")
}

// An address that others reach needs TLS and callers that are known, or a word
// that it does not.
func TestExposedAddressesAreRefused(t *testing.T) {
	cfg := embedded(t)
	cfg.Server.Listen = "0.0.0.0:0"
	require.ErrorIs(t, refused(t, cfg), config.ErrExposed)
	require.NoDirExists(t, filepath.Join(cfg.Stores.Data, "stockhold.db"), "nothing was opened")

	half := fortified(t, embedded(t))
	half.cfg.Server.Listen = ":0"
	half.cfg.Security.AccessPolicy, half.cfg.Security.TLSClientCA = "", ""
	half.cfg.Security.JWTIssuer, half.cfg.Security.JWTAudience, half.cfg.Security.JWTKeysFile = "", nil, ""
	require.ErrorIs(t, refused(t, half.cfg), config.ErrExposed)

	sweep := embedded(t)
	sweep.Sweeper.Listen = ":0"
	require.NoError(t, sweep.Complete())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.ErrorIs(t, app.SweepForever(ctx, sweep, app.Options{Logger: new(journal).logger()}), config.ErrExposed)
}

// With an address of their own, metrics are nowhere else.
func TestMetricsOnAnAddressOfTheirOwn(t *testing.T) {
	cfg := embedded(t)
	cfg.Security.AdminListen = "127.0.0.1:0"
	f := startFortress(t, cfg)
	apart := &caller{t, "http://" + f.AdminAddr(), &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, ""}
	status, text := apart.do(http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "stockhold_")
	status, _ = apart.do(http.MethodGet, "/readyz", "")
	require.Equal(t, http.StatusOK, status)
	status, _ = apart.call("Try", mugs)
	require.Equal(t, http.StatusNotFound, status, "no calls there")
	status, _ = f.caller(t, f.issuer.Token(t, "prometheus")).do(http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusNotFound, status)
}

// An owner that holds all it may is refused, but never for a repeat.
func TestHeldUnitsOfAnOwnerAreLimited(t *testing.T) {
	f := startFortress(t, real(t))
	f.stock(t)
	a := f.shopA(t)
	status, text := a.call("Try", mugs)
	require.Equal(t, http.StatusOK, status, text)
	other := strings.ReplaceAll(mugs, "order-1", "order-2")
	status, text = a.call("Try", other)
	require.Equal(t, http.StatusTooManyRequests, status, text)
	require.Contains(t, text, "OVERLOADED")
	require.Contains(t, text, "retryAfter")
	for range 3 {
		status, text = a.call("Try", mugs)
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, `"replayed":true`)
	}
	status, _ = a.call("Confirm", `{"owner":"shop-a","reservationId":"order-1"}`)
	require.Equal(t, http.StatusOK, status)
	status, text = a.call("Try", other)
	require.Equal(t, http.StatusOK, status, "what is confirmed is not held: %s", text)
	status, _ = a.call("Cancel", `{"owner":"shop-a","reservationId":"order-2"}`)
	require.Equal(t, http.StatusOK, status)
	require.Eventually(t, func() bool {
		status, _ := a.call("Try", strings.ReplaceAll(mugs, "order-1", "order-3"))
		return status == http.StatusOK
	}, patience, 100*time.Millisecond, "what was canceled is seen at the next reading")
}
