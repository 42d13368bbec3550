package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/conformance"
	"stockhold/inventory"
	"stockhold/reservation"
)

func TestEveryReasonOfTheDomainIsInTheTable(t *testing.T) {
	wire := map[stockholdv1.Reason]bool{}
	for reason := reservation.InsufficientStock; reason <= reservation.Overloaded; reason++ {
		row, ok := reasons[reason]
		require.True(t, ok, reason)
		require.Equal(t, conformance.Codes[row.wire], row.code, reason)
		require.Equal(t, reason.String(), reasonName(row.wire))
		wire[row.wire] = true
	}
	require.Len(t, reasons, int(reservation.Overloaded), "the domain has a reason that this test does not know")
	require.Len(t, wire, len(reasons), "two reasons are called the same")
}

// Each kind of error, as a call and as an item of a batch, over each protocol.
func TestErrorsOnTheWire(t *testing.T) {
	key := inventory.Key{Location: "berlin", SKU: "mug"}
	held := &reservation.Reservation{
		HoldID: reservation.HoldID{Owner: "orders", ID: "o-1"}, State: reservation.Confirmed,
		Lines: []reservation.Line{{Key: key, Quantity: 3}}, ResolvedBy: reservation.ByCaller,
	}
	for _, tt := range []struct {
		name string
		err  error
		want *stockholdv1.Refusal
	}{
		{"a shortage", &reservation.Refusal{Reason: reservation.InsufficientStock, Message: "short",
			Shortages: []inventory.Shortage{{Key: key, Requested: 5, Available: -2}}},
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_INSUFFICIENT_STOCK,
				Shortages: []*stockholdv1.Shortage{{Sku: "mug", LocationId: "berlin", Requested: 5, Available: -2}}}},
		{"a reservation in the way", &reservation.Refusal{Reason: reservation.AlreadyConfirmed, Message: "taken", Reservation: held},
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_ALREADY_CONFIRMED, Reservation: reservationToWire(held)}},
		{"fields", &reservation.Refusal{Reason: reservation.Invalid, Message: "malformed", Violations: []reservation.Violation{{Field: "ttl", Description: "is bad"}}},
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_INVALID, Violations: []*stockholdv1.Violation{{Field: "ttl", Description: "is bad"}}}},
		{"stale", &reservation.Refusal{Reason: reservation.Stale, Message: "stale"},
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_STALE}},
		{"a wrapped refusal", fmt.Errorf("on the way: %w", &reservation.Refusal{Reason: reservation.NotFound, Message: "none"}),
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_NOT_FOUND}},
		{"overload", &reservation.Refusal{Reason: reservation.Overloaded, Message: "full", RetryAfter: 70 * time.Millisecond},
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_OVERLOADED}},
		{"overload without a time", &reservation.Refusal{Reason: reservation.Overloaded, Message: "full"},
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_OVERLOADED}},
		{"a store that is away", fmt.Errorf("%w: %w", reservation.ErrUnavailable, errSecret),
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_UNAVAILABLE}},
		{"doubt", fmt.Errorf("%w: %w", reservation.ErrInDoubt, errSecret),
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_DEADLINE_EXCEEDED}},
		{"a deadline", fmt.Errorf("read: %w", context.DeadlineExceeded),
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_DEADLINE_EXCEEDED}},
		{"a contradiction", fmt.Errorf("%w: %w", reservation.ErrCorrupt, errSecret),
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_INTERNAL}},
		{"anything else", errSecret,
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_INTERNAL}},
		{"a refusal for no known reason", &reservation.Refusal{Reason: reservation.Overloaded + 1, Message: errSecret.Error()},
			&stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_INTERNAL}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, &domain{answer: reservation.Answer{Err: tt.err}}, Options{})
			fourWays(t, url, func(t *testing.T, c conformance.Client) {
				_, err := c.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: "o-1"})
				refusal := conformance.RefusalOf(t, err)
				refusal.RetryAfter = nil // jittered; its presence was checked
				require.True(t, proto.Equal(tt.want, refusal), "%v", refusal)
				requireNoSecrets(t, err.Error())

				batch, err := c.Reservations.BatchTry(t.Context(), &stockholdv1.BatchTryRequest{Requests: []*stockholdv1.TryRequest{{ReservationId: "o-1"}}})
				require.NoError(t, err)
				failure := batch.GetOutcomes()[0].GetFailure()
				require.Equal(t, int32(conformance.Codes[tt.want.GetReason()]), failure.GetCode())
				require.NotEmpty(t, failure.GetMessage())
				requireNoSecrets(t, failure.GetMessage())
				failure.Refusal.RetryAfter = nil
				require.True(t, proto.Equal(tt.want, failure.GetRefusal()), "%v", failure)
			})
		})
	}
}

func requireNoSecrets(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{"10.1.2.3", "3306", "SELECT", "1146", "shop"} {
		require.NotContains(t, text, secret)
	}
}

// The caller gets an id; the log has the rest under it.
func TestDefectsAreLoggedUnderTheirID(t *testing.T) {
	for name, d := range map[string]*domain{
		"error": {answer: reservation.Answer{Err: errSecret}},
		"panic": {panics: errSecret.Error()},
		"an answer without a stock row, which is a defect of ours": {},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			url := serve(t, d, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			c := conformance.Clients(t, url)[0]
			_, err := c.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: "mug"})
			refusal := conformance.RefusalOf(t, err)
			require.Equal(t, stockholdv1.Reason_REASON_INTERNAL, refusal.GetReason())
			requireNoSecrets(t, err.Error())
			words := strings.Fields(err.Error())
			id := words[len(words)-1]
			require.Regexp(t, "^[a-z2-7]{12}$", id)
			require.Contains(t, log.String(), "error_id="+id)
			require.Contains(t, log.String(), "rpc=SetStock")
			if d.panics != nil { // internal/faults looks for these words
				require.Contains(t, log.String(), "a handler panicked")
			}
		})
	}
}

func TestAStoreThatIsAwayIsLoggedOnceASecond(t *testing.T) {
	var log bytes.Buffer
	url := serve(t, &domain{err: fmt.Errorf("%w: %w", reservation.ErrUnavailable, errSecret)}, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c := conformance.Clients(t, url)[0]
	for range 10 {
		_, err := c.Inventory.GetStock(t.Context(), &stockholdv1.GetStockRequest{Sku: "mug"})
		require.Equal(t, connect.CodeUnavailable, connect.CodeOf(err))
	}
	require.Contains(t, log.String(), "10.1.2.3", "the operator must see which store")
	require.Less(t, strings.Count(log.String(), "a store is away"), 10)
}

// Whoever asks again at once meets everybody else who does.
func TestRetryAfterIsJittered(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		wait := storeAwayFor()
		require.GreaterOrEqual(t, wait, 500*time.Millisecond)
		require.Less(t, wait, 1500*time.Millisecond)
		seen[wait] = true
	}
	require.Greater(t, len(seen), 50)
}

// A caller that went away before its call began is not a defect.
func TestCallersThatWentAwayAreNoDefects(t *testing.T) {
	var log bytes.Buffer
	table := &errorTable{log: slog.New(slog.NewTextHandler(&log, nil))}
	require.Equal(t, connect.CodeCanceled, table.refusal(t.Context(), "Try", fmt.Errorf("read: %w", context.Canceled)).code)
	require.Empty(t, log.String())
}

// An interceptor that knows callers answers in its own words, with our detail.
func TestInterceptorsErrors(t *testing.T) {
	for code, reason := range map[connect.Code]stockholdv1.Reason{
		connect.CodeUnauthenticated:  stockholdv1.Reason_REASON_UNAUTHENTICATED,
		connect.CodePermissionDenied: stockholdv1.Reason_REASON_PERMISSION_DENIED,
	} {
		t.Run(code.String(), func(t *testing.T) {
			guard := connect.UnaryInterceptorFunc(func(connect.UnaryFunc) connect.UnaryFunc {
				return func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) {
					err := connect.NewError(code, errors.New("who are you?"))
					err.Meta().Set("Login-At", "https://example.org")
					return nil, err
				}
			})
			d := &domain{}
			url := serve(t, d, Options{Interceptors: []connect.Interceptor{guard}})
			fourWays(t, url, func(t *testing.T, c conformance.Client) {
				_, err := c.Reservations.Cancel(t.Context(), &stockholdv1.CancelRequest{ReservationId: "o-1"})
				require.Equal(t, reason, conformance.RefusalOf(t, err).GetReason())
				require.ErrorContains(t, err, "who are you?")
				require.Empty(t, d.asked)
			})
			// Who may not call does not hear what a call looks like, either.
			answer := post(t, conformance.HTTPClient(t), url+"/stockhold.v1.ReservationService/Try", "application/json", `{"nonsense`)
			require.Equal(t, connect.CodeUnauthenticated == code, answer.status == http.StatusUnauthorized)
			require.Equal(t, "https://example.org", answer.header.Get("Login-At"))
		})
	}
}
