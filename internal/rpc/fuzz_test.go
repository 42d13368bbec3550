package rpc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/inventory"
	"stockhold/reservation"
)

// procedures are all calls, with a well-formed message of each.
var procedures = []struct {
	path    string
	message proto.Message
}{
	{"ReservationService/Try", &stockholdv1.TryRequest{ReservationId: "o-1", Owner: "orders", Lines: []*stockholdv1.Line{{Sku: "mug", LocationId: "berlin", Quantity: 2}, {Sku: "mug", LocationId: "berlin", Quantity: 1}}}},
	{"ReservationService/Confirm", &stockholdv1.ConfirmRequest{ReservationId: "o-1", IfReleased: 1}},
	{"ReservationService/Cancel", &stockholdv1.CancelRequest{ReservationId: "o-1", Reason: "no money"}},
	{"ReservationService/Extend", &stockholdv1.ExtendRequest{ReservationId: "o-1"}},
	{"ReservationService/Fulfill", &stockholdv1.FulfillRequest{ReservationId: "o-1"}},
	{"ReservationService/Return", &stockholdv1.ReturnRequest{ReservationId: "o-1"}},
	{"ReservationService/BatchTry", &stockholdv1.BatchTryRequest{Requests: []*stockholdv1.TryRequest{{ReservationId: "o-1", Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: 1}}}, {}}}},
	{"ReservationService/BatchConfirm", &stockholdv1.BatchConfirmRequest{Requests: []*stockholdv1.ConfirmRequest{{ReservationId: "o-1"}, {ReservationId: " "}}}},
	{"ReservationService/BatchCancel", &stockholdv1.BatchCancelRequest{Requests: []*stockholdv1.CancelRequest{{ReservationId: "o-1"}}}},
	{"ReservationService/GetReservation", &stockholdv1.GetReservationRequest{ReservationId: "o-1"}},
	{"ReservationService/ListReservations", &stockholdv1.ListReservationsRequest{Owner: "orders", States: []stockholdv1.State{1}, PageToken: "AQ"}},
	{"InventoryService/SetStock", &stockholdv1.SetStockRequest{Sku: "mug", OnHand: 7, ExpectedOnHand: proto.Int64(0), AdjustmentId: "a"}},
	{"InventoryService/AdjustStock", &stockholdv1.AdjustStockRequest{Sku: "mug", Delta: -3, Reason: "broken"}},
	{"InventoryService/BatchAdjustStock", &stockholdv1.BatchAdjustStockRequest{Requests: []*stockholdv1.AdjustStockRequest{{Sku: "mug", Delta: 3}, {Sku: "{"}}}},
	{"InventoryService/GetStock", &stockholdv1.GetStockRequest{Sku: "mug"}},
	{"InventoryService/ListStock", &stockholdv1.ListStockRequest{LocationId: "berlin", PageSize: 10}},
}

// Whatever bytes are sent as a message, the call is answered, or refused for a
// reason of the contract, with the fields at fault if it is malformed; and what
// comes as far as the ledger keeps every limit.
func FuzzRequests(f *testing.F) {
	handler, judge := fuzzedServer(f)
	for i, p := range procedures {
		binary, err := proto.Marshal(p.message)
		require.NoError(f, err)
		text, err := protojson.Marshal(p.message)
		require.NoError(f, err)
		f.Add(byte(i), false, binary)
		f.Add(byte(i), true, text)
		f.Add(byte(i), false, binary[:len(binary)/2])
		f.Add(byte(i), true, []byte(`{}`))
	}
	for _, seed := range seeds() {
		f.Add(seed.which, true, []byte(seed.text))
	}
	f.Fuzz(func(t *testing.T, which byte, text bool, body []byte) {
		contentType := map[bool]string{false: "application/proto", true: "application/json"}[text]
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/stockhold.v1."+procedures[int(which)%len(procedures)].path, bytes.NewReader(body))
		request.Header.Set("Content-Type", contentType)
		recorded := httptest.NewRecorder()
		handler.ServeHTTP(recorded, request)
		require.Empty(t, judge.fault(), "%s of %q", request.URL.Path, body)

		a := answer{status: recorded.Code, header: recorded.Header(), body: recorded.Body.String()}
		if a.status == http.StatusOK {
			require.NotContains(t, a.body, "internal error")
			return
		}
		a.readConnect(t)
		require.NotNil(t, a.refusal, "%s", a.body)
		require.NotContains(t, []string{"internal", "unknown", "unavailable", "deadline_exceeded"}, a.code, "%s", a.body)
		require.Equal(t, a.code == "invalid_argument", a.refusal.GetReason() == stockholdv1.Reason_REASON_INVALID, "%s", a.body)
		require.Equal(t, a.code == "invalid_argument", len(a.refusal.GetViolations()) > 0, "%s", a.body)
		for _, v := range a.refusal.GetViolations() {
			require.NotEmpty(t, v.GetDescription())
			require.True(t, v.GetField() != "" || strings.HasPrefix(v.GetDescription(), "is no "), "only what cannot be read has no field: %s", a.body)
		}
	})
}

type seed struct {
	which byte // of procedures
	text  string
}

// seeds are messages at the limits and beyond them, with one fault each: a second
// one would hide that the first is not seen.
func seeds() []seed {
	const try, batchTry, list, set, adjust, batchAdjust = 0, 6, 10, 11, 12, 13
	all := []seed{
		{try, ``}, {try, `[]`}, {try, `null`}, {try, "{\"reservation_id\": \"\xff\"}"}, {batchTry, `{"requests": []}`},
		{list, `{"page_token": "AQ=="}`}, {list, `{"states": ["STATE_LOST"]}`}, {list, `{"page_size": -1}`}, {list, `{"page_size": 501}`},
		{list, `{"created_after": "9999-12-31T23:59:59Z"}`}, {list, `{"owner": "a b"}`},
		{set, `{"sku": "mug", "onhand": 1}`}, {batchAdjust, `{"requests": [{}, {"sku": "mug", "delta": 1}]}`},
	}
	for _, sku := range []string{"~", strings.Repeat("~", 64), strings.Repeat("~", 65), "", "a b", "{", "}", "\u007f", "ä", "\\t"} {
		all = append(all, seed{try, `{"reservation_id": "o-1", "lines": [{"sku": "` + sku + `", "quantity": 1}]}`},
			seed{set, `{"sku": "` + sku + `", "on_hand": 1}`})
	}
	for _, id := range []string{"A.z_0:9-", strings.Repeat("x", 64), strings.Repeat("x", 65), "", "a b", "ä", "/"} {
		all = append(all, seed{try, `{"reservation_id": "` + id + `", "lines": [{"sku": "mug", "quantity": 1}]}`},
			seed{try, `{"reservation_id": "o-1", "owner": "` + id + `", "lines": [{"sku": "mug", "location_id": "` + id + `", "quantity": 1}]}`},
			seed{set, `{"sku": "mug", "on_hand": 1, "adjustment_id": "` + id + `"}`})
	}
	for _, text := range []string{strings.Repeat("ä", 255), strings.Repeat("ä", 256)} {
		all = append(all, seed{try, `{"reservation_id": "o-1", "reference": "` + text + `", "lines": [{"sku": "mug", "quantity": 1}]}`},
			seed{2, `{"reservation_id": "o-1", "reason": "` + text + `"}`},
			seed{adjust, `{"sku": "mug", "delta": -1, "reason": "` + text + `"}`}, seed{adjust, `{"sku": "mug", "delta": -1, "reference": "` + text + `"}`})
	}
	for _, lines := range []string{``, `{"sku": "mug", "quantity": 0}`, `{"sku": "mug", "quantity": -1}`, `{"sku": "mug", "quantity": 1000000000}`, `{"sku": "mug", "quantity": 1000000001}`,
		`{"sku": "mug", "quantity": 1000000000}, {"sku": "mug", "quantity": 1}`, strings.Repeat(`{"sku": "mug", "quantity": 1},`, 2000) + `{"sku": "cup", "quantity": 1}`} {
		all = append(all, seed{try, `{"reservation_id": "o-1", "lines": [` + lines + `]}`})
	}
	for _, ttl := range []string{"0s", "0.999999s", "1s", "2592000s", "2592000.000001s", "-1s", "315576000000s"} {
		all = append(all, seed{try, `{"reservation_id": "o-1", "ttl": "` + ttl + `", "lines": [{"sku": "mug", "quantity": 1}]}`}, seed{3, `{"reservation_id": "o-1", "ttl": "` + ttl + `"}`})
	}
	for _, policy := range []string{"0", "1", "2", "3", "4", "-1"} { // nobody has a decider: 1 is ASK
		all = append(all, seed{try, `{"reservation_id": "o-1", "on_expiry": ` + policy + `, "lines": [{"sku": "mug", "quantity": 1}]}`})
	}
	for _, units := range []string{"0", "-1", "1000000000000", "1000000000001", "9223372036854775807", "-9223372036854775808"} {
		all = append(all, seed{set, `{"sku": "mug", "on_hand": "` + units + `"}`}, seed{adjust, `{"sku": "mug", "delta": "` + units + `"}`})
	}
	return all
}

// fuzzedServer is the whole of the program but its stores: the ledger writes into
// the hands of a judge.
func fuzzedServer(f *testing.F) (http.Handler, *judge) {
	j := &judge{limits: reservation.DefaultLimits()}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	service := reservation.New(j, passedBy{}, reservation.Options{Logger: quiet})
	handler, err := Handler(service, Options{Logger: quiet})
	require.NoError(f, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	f.Cleanup(func() {
		stop()
		require.NoError(f, <-done)
	})
	return handler, j
}

// passedBy is a gate that is away.
type passedBy struct{}

func (passedBy) Freeze(_ context.Context, holds []inventory.Hold) []inventory.Freeze {
	out := make([]inventory.Freeze, len(holds))
	for i := range out {
		out[i] = inventory.Freeze{Outcome: inventory.Away, Err: inventory.ErrAway}
	}
	return out
}

func (passedBy) Settle(context.Context, []inventory.View, []inventory.HoldID) error { return nil }

// judge is a store without reservations and with plenty of everything, which looks
// at what it is told to write and forgets it.
type judge struct {
	reservation.Store // the calls that no request makes
	limits            reservation.Limits
	found             atomic.Pointer[string]
}

// fault is the first limit that was not kept, or "".
func (j *judge) fault() string {
	if found := j.found.Load(); found != nil {
		return *found
	}
	return ""
}

func (j *judge) demand(ok bool, format string, args ...any) {
	if !ok {
		fault := fmt.Sprintf(format, args...)
		j.found.CompareAndSwap(nil, &fault)
	}
}

var (
	someID  = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)
	someSKU = regexp.MustCompile(`^[!-z|~]{1,64}$`)
)

func (j *judge) ids(ids []inventory.HoldID) {
	for _, id := range ids {
		j.demand(someID.MatchString(id.ID) && someID.MatchString(id.Owner), "id %q", id)
	}
}

func (j *judge) plenty(keys []inventory.Key) []inventory.Stock {
	rows := make([]inventory.Stock, len(keys))
	for i, k := range keys {
		j.demand(someSKU.MatchString(k.SKU) && someID.MatchString(k.Location), "key %q", k)
		rows[i] = inventory.Stock{Key: k, OnHand: j.limits.OnHand, Version: 1}
	}
	return rows
}

func (j *judge) text(text string) {
	j.demand(utf8.ValidString(text) && utf8.RuneCountInString(text) <= j.limits.TextLength, "text %q", text)
}

func (j *judge) Begin(context.Context) (reservation.Tx, error) { return judged{j}, nil }

func (j *judge) Stocks(_ context.Context, keys []inventory.Key) ([]inventory.Stock, error) {
	return j.plenty(keys), nil
}

func (j *judge) Reservation(_ context.Context, id inventory.HoldID) (*reservation.Reservation, error) {
	j.ids([]inventory.HoldID{id})
	return nil, nil
}

func (j *judge) Reservations(_ context.Context, filter reservation.Filter, after int64, limit int) ([]*reservation.Reservation, int64, error) {
	j.demand(someID.MatchString(filter.Owner) && after >= 0 && 0 < limit && limit <= j.limits.PageSize, "filter %+v after %d limit %d", filter, after, limit)
	return nil, 0, nil
}

func (j *judge) StockPage(_ context.Context, sku, location string, _ inventory.Key, limit int) ([]inventory.Stock, error) {
	j.demand((sku == "" || someSKU.MatchString(sku)) && (location == "" || someID.MatchString(location)) && 0 < limit && limit <= j.limits.PageSize,
		"stock of %q at %q limit %d", sku, location, limit)
	return nil, nil
}

type judged struct{ *judge }

func (j judged) LockReservations(_ context.Context, ids []inventory.HoldID, _ reservation.Locked) ([]*reservation.Reservation, error) {
	j.ids(ids)
	return nil, nil
}

func (j judged) LockStocks(_ context.Context, keys []inventory.Key, _ reservation.Locked) ([]inventory.Stock, error) {
	return j.plenty(keys), nil
}

func (j judged) Adjustments(_ context.Context, ids []string) ([]inventory.Adjustment, error) {
	for _, id := range ids {
		j.demand(someID.MatchString(id), "adjustment %q", id)
	}
	return nil, nil
}

func (j judged) Exist(_ context.Context, ids []inventory.HoldID) ([]inventory.HoldID, error) {
	j.ids(ids)
	return nil, nil
}

func (j judged) LockDue(context.Context, reservation.OnExpiry, int) ([]*reservation.Reservation, error) {
	return nil, nil
}
func (j judged) ReadLines(context.Context, []*reservation.Reservation) error { return nil }
func (j judged) Now(context.Context) (time.Time, error)                      { return time.Now().UTC(), nil }
func (j judged) Commit(context.Context) error                                { return nil }
func (j judged) Rollback()                                                   {}

// Write sees all that a call can change.
func (j judged) Write(_ context.Context, changes *reservation.Changes) error {
	for _, r := range changes.NewReservations {
		j.ids([]inventory.HoldID{r.HoldID})
		j.text(r.Reference)
		j.text(r.Reason)
		if r.State == reservation.Canceled {
			j.demand(len(r.Lines) == 0, "a tombstone with lines: %+v", r)
			continue
		}
		ttl := r.ExpiresAt.Sub(r.CreatedAt)
		j.demand(r.State == reservation.Reserved && (r.OnExpiry == reservation.ReleaseOnExpiry || r.OnExpiry == reservation.ConfirmOnExpiry), "state %s, %s", r.State, r.OnExpiry)
		j.demand(j.limits.MinTTL <= ttl && ttl <= j.limits.MaxTTL, "ttl %s", ttl)
		j.demand(0 < len(r.Lines) && len(r.Lines) <= j.limits.Lines, "%d lines", len(r.Lines))
		for i, l := range r.Lines {
			j.demand(0 < l.Quantity && l.Quantity <= j.limits.Quantity, "%d of %s", l.Quantity, l.Key)
			j.demand(i == 0 || r.Lines[i-1].Key.Compare(l.Key) < 0, "lines %v are not merged", r.Lines)
		}
	}
	for _, a := range changes.NewAdjustments {
		j.plenty([]inventory.Key{a.Key})
		j.text(a.Reason)
		j.text(a.Reference)
		j.demand(a.Set && 0 <= a.Amount && a.Amount <= j.limits.OnHand || !a.Set && a.Amount != 0, "%d by %s", a.Amount, a.ID)
	}
	for _, s := range changes.Stocks {
		j.demand(s.OnHand <= j.limits.OnHand, "%d on hand", s.OnHand)
	}
	return nil
}
