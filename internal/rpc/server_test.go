package rpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/conformance"
	"stockhold/inventory"
	"stockhold/reservation"
)

// domain is a Service that answers what a test says, and remembers what it was asked.
type domain struct {
	answer  reservation.Answer // of each Try, request and change
	err     error              // of the reads
	limits  reservation.Limits // default DefaultLimits()
	panics  any
	tries   []reservation.TryRequest
	asked   []reservation.Request
	changes []inventory.Change
	filter  reservation.Filter
	after   int64
	row     inventory.Key
	next    int64
	stocks  []inventory.Stock
}

func (d *domain) answers(n int) []reservation.Answer {
	if d.panics != nil {
		panic(d.panics)
	}
	out := make([]reservation.Answer, n)
	for i := range out {
		out[i] = d.answer
	}
	return out
}

func (d *domain) Try(_ context.Context, requests []reservation.TryRequest) []reservation.Answer {
	d.tries = append(d.tries, requests...)
	return d.answers(len(requests))
}

func (d *domain) Do(_ context.Context, requests []reservation.Request) []reservation.Answer {
	d.asked = append(d.asked, requests...)
	return d.answers(len(requests))
}

func (d *domain) Change(_ context.Context, changes []inventory.Change) []reservation.Answer {
	d.changes = append(d.changes, changes...)
	return d.answers(len(changes))
}

func (d *domain) Get(context.Context, reservation.HoldID) (*reservation.Reservation, error) {
	return d.answer.Reservation, d.err
}

func (d *domain) List(_ context.Context, filter reservation.Filter, after int64, _ int) ([]*reservation.Reservation, int64, error) {
	d.filter, d.after = filter, after
	return nil, d.next, d.err
}

func (d *domain) GetStock(context.Context, inventory.Key) (inventory.Stock, error) {
	return inventory.Stock{}, d.err
}

func (d *domain) ListStock(_ context.Context, _, _ string, after inventory.Key, _ int) ([]inventory.Stock, error) {
	d.row = after
	return d.stocks, d.err
}

func (d *domain) Limits() reservation.Limits {
	if d.limits == (reservation.Limits{}) {
		return reservation.DefaultLimits()
	}
	return d.limits
}

// serve answers calls from the domain until the test ends, and returns the URL.
func serve(t testing.TB, d *domain, options Options) string {
	t.Helper()
	if options.Logger == nil {
		options.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	handler, err := Handler(d, options)
	require.NoError(t, err)
	return conformance.Serve(t, handler)
}

// fourWays runs a test through each protocol of one server.
func fourWays(t *testing.T, url string, test func(t *testing.T, c conformance.Client)) {
	for _, c := range conformance.Clients(t, url) {
		t.Run(c.Name, func(t *testing.T) { test(t, c) })
	}
}

var errSecret = errors.New(`dial tcp 10.1.2.3:3306: Error 1146 (42S02): Table 'shop.reservations' doesn't exist in SELECT owner FROM reservations`)
