//go:build faults

package network_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// A patron tells servers by when it wants its answer, and then waits longer than
// that: what ends its calls is the server's own doing, never its own impatience.
// It asks for what there is plenty of.
type patron struct {
	sku      string
	deadline time.Duration
	clients  []*faults.Client

	mu     sync.Mutex
	visits []visit
}

// A visit is one Try.
type visit struct {
	id   string
	took time.Duration
	err  error
}

func newPatron(t *testing.T, name string, deadline time.Duration, clients ...*faults.Client) *patron {
	t.Helper()
	p := &patron{sku: name + "-patron", deadline: deadline, clients: clients}
	require.NoError(t, clients[0].SetStock(t.Context(), p.sku, 1_000_000))
	return p
}

// try asks one server; what was held is released by its policy, soon.
func (p *patron) try(ctx context.Context, client *faults.Client, id string) visit {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	giveUp := time.AfterFunc(p.deadline+2*slack, cancel)
	defer giveUp.Stop()
	ctx, call := connect.NewClientContext(ctx)
	call.RequestHeader().Set("Connect-Timeout-Ms", strconv.FormatInt(p.deadline.Milliseconds(), 10))
	began := time.Now()
	_, err := client.Try(ctx, &stockholdv1.TryRequest{ReservationId: id, Owner: faults.Owner,
		Lines: []*stockholdv1.Line{{Sku: p.sku, Quantity: 1}}, Ttl: durationpb.New(time.Second),
		OnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_RELEASE})
	return visit{id, time.Since(began), err}
}

// visit calls every server again and again until ctx ends; a visit that has begun
// is brought to its end.
func (p *patron) visit(ctx context.Context) {
	var group sync.WaitGroup
	for i, client := range p.clients {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				v := p.try(context.WithoutCancel(ctx), client, fmt.Sprintf("%s-%d-%d", p.sku, i, n))
				p.mu.Lock()
				p.visits = append(p.visits, v)
				p.mu.Unlock()
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	group.Wait()
}

// during lets the patron visit while a test does something else.
func (p *patron) during(t *testing.T) (leave func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var visiting sync.WaitGroup
	visiting.Go(func() { p.visit(ctx) })
	leave = func() {
		cancel()
		visiting.Wait()
	}
	t.Cleanup(leave)
	return leave
}

// failed reports whether any visit so far was in vain.
func (p *patron) failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.visits, func(v visit) bool { return v.err != nil })
}

// requireAnswers sees that every visit ended with a typed answer by its deadline.
func (p *patron) requireAnswers(t *testing.T) {
	t.Helper()
	require.NotEmpty(t, p.visits)
	for _, v := range p.visits {
		require.LessOrEqual(t, v.took, p.deadline+slack, "%s: %v", v.id, v.err)
		if v.err != nil {
			require.NotNil(t, faults.Refusal(v.err), "%s got no typed answer: %v", v.id, v.err)
		}
	}
}
