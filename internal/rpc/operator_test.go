package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/conformance"
	"stockhold/internal/operator"
	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// office is a server with an operator's desk, on embedded stores.
type office struct {
	t            *testing.T
	url          string
	service      *reservation.Service
	gate         *inventory.Gate
	desk         stockholdv1connect.OperatorServiceClient
	reservations stockholdv1connect.ReservationServiceClient
}

func openOffice(t *testing.T) *office {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s, err := store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	gate, err := inventory.OpenEmbedded(inventory.Options{Log: quiet})
	require.NoError(t, err)
	closeGate := func() error { return gate.Close() }
	t.Cleanup(func() { require.NoError(t, closeGate()) })
	service := reservation.New(s, gate, reservation.Options{Logger: quiet, HasDecider: func(string) bool { return true }})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	handler, err := Handler(service, Options{Logger: quiet, Operator: operator.New(service, s, gate, operator.Options{Logger: quiet})})
	require.NoError(t, err)
	url := conformance.Serve(t, handler)
	return &office{
		t: t, url: url, service: service, gate: gate,
		desk:         stockholdv1connect.NewOperatorServiceClient(conformance.HTTPClient(t), url, connect.WithProtoJSON()),
		reservations: stockholdv1connect.NewReservationServiceClient(conformance.HTTPClient(t), url),
	}
}

func (o *office) stock(sku, location string, units int64) {
	o.t.Helper()
	key := inventory.Key{SKU: sku, Location: location}
	require.NoError(o.t, o.service.Change(o.t.Context(), []inventory.Change{{Key: key, Set: true, Amount: units}})[0].Err)
}

// hold holds one mug, parked if need be.
func (o *office) hold(owner, id string, parked bool) {
	o.t.Helper()
	holdID := reservation.HoldID{Owner: owner, ID: id}
	answer := o.service.Try(o.t.Context(), []reservation.TryRequest{{
		ID: holdID, Lines: []inventory.Line{{Key: inventory.Key{SKU: "mug", Location: "default"}, Quantity: 1}}, Reference: "ref-" + id}})[0]
	require.NoError(o.t, answer.Err)
	if !parked {
		return
	}
	deferral := &reservation.Deferral{Lease: answer.Reservation.NextCheckAt, Delay: time.Hour, Checks: 3, Park: true}
	require.NoError(o.t, o.service.Ledger().Do(o.t.Context(), []*reservation.Operation{{ID: holdID, Defer: deferral}})[0].Err)
}

func refusalFrom(t *testing.T, err error) *stockholdv1.Refusal {
	t.Helper()
	var status *connect.Error
	require.ErrorAs(t, err, &status)
	refusal := detailOf(status)
	require.NotNil(t, refusal, "%v", err)
	return refusal
}

// A parked hold is shown with what an operator wants to know of it, until a word on
// it is said; the word is kept, and said again it changes nothing.
func TestParkedUntilResolved(t *testing.T) {
	o := openOffice(t)
	o.stock("mug", "default", 10)
	o.hold("orders", "stands", true)
	o.hold("orders", "waits", false)
	o.hold("shop", "goes", true)

	listed := func(owner string) (ids []string) {
		for token := ""; ; {
			page, err := o.desk.ListParked(t.Context(), &stockholdv1.ListParkedRequest{Owner: owner, PageSize: 1, PageToken: token})
			require.NoError(t, err)
			for _, p := range page.GetParked() {
				require.True(t, p.GetReservation().GetParked())
				require.Equal(t, int32(3), p.GetChecks())
				require.WithinDuration(t, time.Now(), p.GetParkedAt().AsTime(), time.Minute)
				require.Equal(t, time.Hour, p.GetNextCheckAt().AsTime().Sub(p.GetParkedAt().AsTime()))
				require.Equal(t, "ref-"+p.GetReservation().GetReservationId(), p.GetReservation().GetReference())
				require.Len(t, p.GetReservation().GetLines(), 1)
				ids = append(ids, p.GetReservation().GetOwner()+"/"+p.GetReservation().GetReservationId())
			}
			if token = page.GetNextPageToken(); token == "" {
				return ids
			}
		}
	}
	require.Equal(t, []string{"orders/stands", "shop/goes"}, listed(""))
	require.Equal(t, []string{"shop/goes"}, listed("shop"))

	say := func(owner, id string, word stockholdv1.Resolution, reason string) (*stockholdv1.ResolveResponse, error) {
		return o.desk.Resolve(t.Context(), &stockholdv1.ResolveRequest{Owner: owner, ReservationId: id, Resolution: word, Reason: reason})
	}
	const confirm, release = stockholdv1.Resolution_RESOLUTION_CONFIRM, stockholdv1.Resolution_RESOLUTION_RELEASE
	answer, err := say("orders", "stands", confirm, " paid, ticket 7 ")
	require.NoError(t, err)
	require.False(t, answer.GetReplayed())
	require.Equal(t, "paid, ticket 7", answer.GetReason())
	require.Equal(t, stockholdv1.State_STATE_CONFIRMED, answer.GetReservation().GetState())
	require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_OPERATOR, answer.GetReservation().GetResolvedBy())
	require.Len(t, answer.GetReservation().GetLines(), 1)
	require.Equal(t, []string{"shop/goes"}, listed(""))

	again, err := say("orders", "stands", confirm, "somebody else's")
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	require.Equal(t, "paid, ticket 7", again.GetReason())
	require.Len(t, again.GetReservation().GetLines(), 1, "also a replay is shown with its lines")

	_, err = say("orders", "stands", release, "too late")
	require.Equal(t, stockholdv1.Reason_REASON_ALREADY_CONFIRMED, refusalFrom(t, err).GetReason())
	require.Equal(t, stockholdv1.State_STATE_CONFIRMED, refusalFrom(t, err).GetReservation().GetState())

	_, err = say("shop", "goes", release, "no such order")
	require.NoError(t, err)
	require.Empty(t, listed(""))
	_, err = say("shop", "goes", confirm, "too late")
	require.Equal(t, stockholdv1.Reason_REASON_RELEASED, refusalFrom(t, err).GetReason())

	_, err = say("orders", "waits", release, "asked to")
	require.NoError(t, err, "a hold need not be parked")
	_, err = say("orders", "nobody", release, "?")
	require.Equal(t, stockholdv1.Reason_REASON_NOT_FOUND, refusalFrom(t, err).GetReason())
	_, err = o.reservations.GetReservation(t.Context(), &stockholdv1.GetReservationRequest{Owner: "orders", ReservationId: "nobody"})
	require.Error(t, err, "an operator's word leaves no tombstone")
}

func TestMalformedOperatorCalls(t *testing.T) {
	o := openOffice(t)
	list := func(m *stockholdv1.ListParkedRequest) error {
		_, err := o.desk.ListParked(t.Context(), m)
		return err
	}
	resolve := func(m *stockholdv1.ResolveRequest) error {
		_, err := o.desk.Resolve(t.Context(), m)
		return err
	}
	rebuild := func(m *stockholdv1.RebuildGateRequest) error {
		_, err := o.desk.RebuildGate(t.Context(), m)
		return err
	}
	const confirm = stockholdv1.Resolution_RESOLUTION_CONFIRM
	for field, err := range map[string]error{
		"owner":          list(&stockholdv1.ListParkedRequest{Owner: "a b"}),
		"page_size":      list(&stockholdv1.ListParkedRequest{PageSize: 501}),
		"page_token":     list(&stockholdv1.ListParkedRequest{PageToken: parkedPages("other").afterKey(7)}),
		"resolution":     resolve(&stockholdv1.ResolveRequest{ReservationId: "a", Reason: "r"}),
		"reason":         resolve(&stockholdv1.ResolveRequest{ReservationId: "a", Resolution: confirm, Reason: " \t"}),
		"reservation_id": resolve(&stockholdv1.ResolveRequest{Resolution: confirm, Reason: "r"}),
		"skus[1]":        rebuild(&stockholdv1.RebuildGateRequest{Skus: []string{"a", "b c"}}),
		"skus":           rebuild(&stockholdv1.RebuildGateRequest{Skus: make([]string, 1001)}),
	} {
		refusal := refusalFrom(t, err)
		require.Equal(t, stockholdv1.Reason_REASON_INVALID, refusal.GetReason(), field)
		require.Equal(t, field, refusal.GetViolations()[0].GetField())
	}
	require.Equal(t, "reason", refusalFrom(t, resolve(&stockholdv1.ResolveRequest{
		ReservationId: "a", Resolution: confirm, Reason: strings.Repeat("x", 256)})).GetViolations()[0].GetField())
	require.Equal(t, "page_size", refusalFrom(t, rebuild(&stockholdv1.RebuildGateRequest{PageSize: -1})).GetViolations()[0].GetField())
	token := rebuildPages([]string{"b", "a"}).afterRow(inventory.Key{SKU: "a"})
	require.NoError(t, rebuild(&stockholdv1.RebuildGateRequest{Skus: []string{"a", "b", "a"}, PageToken: token}), "the order of skus is no matter")
}

// A rebuild goes through all rows, page by page, or through those of the skus named
// at all their locations, and tells which it does not know.
func TestRebuildGoesThroughEveryRowOnce(t *testing.T) {
	o := openOffice(t)
	for i := range 7 {
		o.stock(fmt.Sprintf("sku-%d", i), "default", 10)
		o.stock(fmt.Sprintf("sku-%d", i), "berlin", 10)
	}
	last := inventory.Key{SKU: "sku-6", Location: "berlin"}
	require.Eventually(t, func() bool {
		rows, err := o.gate.Rows(t.Context(), []inventory.Key{last})
		return err == nil && rows[0].Loaded
	}, time.Minute, 5*time.Millisecond)
	rebuild := func(size int32, skus ...string) (looked, rebuilt int, unknown []string) {
		for token := ""; ; {
			page, err := o.desk.RebuildGate(t.Context(), &stockholdv1.RebuildGateRequest{Skus: skus, PageSize: size, PageToken: token})
			require.NoError(t, err)
			require.LessOrEqual(t, page.GetLookedAt()+int32(len(page.GetUnknownSkus())), cmpOr(size, 500))
			require.Zero(t, page.GetDrift().GetAhead()+page.GetDrift().GetDifferent())
			looked, rebuilt = looked+int(page.GetLookedAt()), rebuilt+int(page.GetRebuilt())
			unknown = append(unknown, page.GetUnknownSkus()...)
			if token = page.GetNextPageToken(); token == "" {
				return looked, rebuilt, unknown
			}
		}
	}
	for _, size := range []int32{0, 1, 2, 3, 7, 14} {
		looked, rebuilt, unknown := rebuild(size)
		require.Equal(t, [2]int{14, 14}, [2]int{looked, rebuilt}, "pages of %d", size)
		require.Empty(t, unknown)
		looked, rebuilt, unknown = rebuild(size, "sku-5", "z", "sku-1", "a", "sku-5")
		require.Equal(t, [2]int{4, 4}, [2]int{looked, rebuilt}, "pages of %d", size)
		require.Equal(t, []string{"a", "z"}, unknown)
	}
}

func cmpOr(value, otherwise int32) int32 {
	if value == 0 {
		return otherwise
	}
	return value
}

// awayDesk is one whose stores are away.
type awayDesk struct{ Operator }

func (awayDesk) Rebuild(context.Context, []string, inventory.Key, int) (operator.Rebuilt, error) {
	return operator.Rebuilt{}, fmt.Errorf("%w: %w", reservation.ErrUnavailable, errSecret)
}

func TestAGateThatIsAwayIsToBeAskedAgain(t *testing.T) {
	url := serve(t, &domain{}, Options{Operator: awayDesk{}})
	desk := stockholdv1connect.NewOperatorServiceClient(conformance.HTTPClient(t), url)
	_, err := desk.RebuildGate(t.Context(), &stockholdv1.RebuildGateRequest{})
	require.Equal(t, connect.CodeUnavailable, connect.CodeOf(err))
	require.Positive(t, refusalFrom(t, err).GetRetryAfter().AsDuration())
	require.NotContains(t, err.Error(), "10.1.2.3")
}

// Without a desk the service is not there, and not said to be.
func TestOperatorServiceIsServedWhereThereIsADesk(t *testing.T) {
	names := func(url string) []string {
		stream := grpcreflect.NewClient(conformance.H2CClient(t), url).NewStream(t.Context())
		defer stream.Close()
		services, err := stream.ListServices()
		require.NoError(t, err)
		var names []string
		for _, name := range services {
			names = append(names, string(name))
		}
		return names
	}
	require.NotContains(t, names(serve(t, &domain{}, Options{})), "stockhold.v1.OperatorService")
	require.Contains(t, names(serve(t, &domain{}, Options{Operator: awayDesk{}})), "stockhold.v1.OperatorService")
}
