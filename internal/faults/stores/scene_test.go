//go:build faults

package stores_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

func TestMain(m *testing.M) { faults.Main(m, faults.BuildOptions{}) }

const (
	// patience is how long a test waits for what must happen, on a busy machine.
	patience = 90 * time.Second
	tick     = 20 * time.Millisecond
	// some orders' calls: enough for a fault to meet every kind of them.
	some = 300
)

// scene is a shop at work on two servers of one site.
type scene struct {
	*testing.T
	site    *faults.Site
	shop    *faults.Shop
	servers []*faults.Process
	clients []*faults.Client
}

// newSite is a site on which every call has the time to be answered.
func newSite(t *testing.T, options faults.SiteOptions) *faults.Site {
	t.Helper()
	site := faults.NewSite(t, options)
	site.Patient()
	return site
}

// newScene starts two servers on a site and puts the shop's goods on the shelf.
func newScene(t *testing.T, site *faults.Site, options faults.ShopOptions) *scene {
	t.Helper()
	return newSceneOf(t, site, options, func(int) {})
}

// newSceneOf changes settings before each of the servers is started.
func newSceneOf(t *testing.T, site *faults.Site, options faults.ShopOptions, before func(server int)) *scene {
	t.Helper()
	options.Attempt = max(options.Attempt, 30*time.Second) // that it takes long is no fault
	s := &scene{T: t, site: site, shop: faults.NewShop(options)}
	for i := range 2 {
		before(i)
		process, client := faults.StartServer(t, site)
		s.servers, s.clients = append(s.servers, process), append(s.clients, client)
	}
	site.Desk.Ask(s.shop.Answer)
	require.NoError(t, s.shop.Stock(t.Context(), s.clients[0]))
	s.shop.Use(s.clients...)
	return s
}

// during has the shop sell while something happens, and before and after it.
func (s *scene) during(something func()) {
	s.Helper()
	open(s.T, s.shop, func() {
		s.sells(some)
		something()
		s.sells(some)
	})
}

// open runs a shop for as long as something takes.
func open(t *testing.T, shop *faults.Shop, something func()) {
	ctx, closed := context.WithCancel(t.Context())
	var selling sync.WaitGroup
	selling.Go(func() { shop.Run(ctx) })
	defer selling.Wait()
	defer closed()
	something()
}

// sells waits until so many more calls of the shop were answered OK: it goes on,
// whatever happens.
func (s *scene) sells(calls int64) {
	s.Helper()
	goesOn(s.T, s.shop, calls)
}

func goesOn(t *testing.T, shop *faults.Shop, calls int64) {
	t.Helper()
	until := shop.Tally.Answered() + calls
	require.Eventually(t, func() bool { return shop.Tally.Answered() >= until }, patience, tick,
		"%d calls answered OK, of %d that were to be", shop.Tally.Answered(), until)
}

// grows waits until a figure of every server has grown by so much.
func (s *scene) grows(series string, by float64) {
	s.Helper()
	for i := range s.servers {
		least := s.metric(i, series) + by
		faults.Eventually(s, func() bool { return s.metric(i, series) >= least }, patience, tick,
			"%s of server %d", series, i)
	}
}

func (s *scene) metric(server int, series string) float64 {
	value, err := s.servers[server].Metric(s.Context(), series)
	require.NoError(s, err)
	return value
}

// Figures of /metrics.
const (
	frozen  = `stockhold_gate_freezes_total{outcome="frozen"}`
	skipped = `stockhold_gate_skipped_total`
)

// gateIsUsed waits until both servers freeze again.
func (s *scene) gateIsUsed() {
	s.Helper()
	s.grows(frozen, 20)
}

// ledgerAlone waits until both servers have held without the gate.
func (s *scene) ledgerAlone() {
	s.Helper()
	s.grows(skipped, 5)
}

// refusedOnly says that no call got another refusal than these. One for stock is
// always allowed: scarce goods sell out.
func (s *scene) refusedOnly(reasons ...stockholdv1.Reason) {
	s.Helper()
	refusedOnly(s.T, s.shop, reasons...)
}

func refusedOnly(t *testing.T, shop *faults.Shop, reasons ...stockholdv1.Reason) {
	t.Helper()
	counts := shop.Tally.Counts()
	for name := range counts.Refusals {
		reason := stockholdv1.Reason(stockholdv1.Reason_value[name])
		require.True(t, reason == stockholdv1.Reason_REASON_INSUFFICIENT_STOCK || slices.Contains(reasons, reason),
			"%s is not for callers to see now: %+v", name, counts)
	}
	if slices.Contains(reasons, outOfTime) { // the caller's own clock may be the first to say so
		delete(counts.NoAnswer, connect.CodeDeadlineExceeded.String())
	}
	require.Empty(t, counts.NoAnswer, "%+v", counts)
}

// judge is the end: the system comes to rest, and the books agree.
func (s *scene) judge() {
	s.Helper()
	judge(s.T, s.site, s.clients[0], s.shop)
}

func judge(t *testing.T, site *faults.Site, client *faults.Client, shop *faults.Shop) {
	t.Helper()
	verdict, took, err := site.Judge(t.Context(), client, shop)
	require.NoError(t, err)
	require.Zero(t, verdict.Lost)
	require.Zero(t, verdict.Oversold)
	t.Logf("at rest after %s: %+v, %+v", took.Round(time.Millisecond), verdict, shop.Tally.Counts())
}
