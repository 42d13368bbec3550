package monitoring

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/faults"
)

// story is what became of a server to which everything happened that is counted or
// traced: what it sent, what its page of metrics said at the end, and its log.
type story struct {
	sent  *collector
	page  page
	log   string
	asked []http.Header // of the requests to the decider
}

var (
	once sync.Once
	told *story
)

// tell plays it once for all tests. A test that needs it fails when it does not work out.
func tell(t *testing.T) *story {
	t.Helper()
	once.Do(func() { told = play(t) })
	require.NotNil(t, told, "the story was not told to its end: see the first test that failed")
	return told
}

// The trace of each call, from its caller: trace, span, sampled.
const (
	tryTrace     = "11111111111111111111111111111111"
	confirmTrace = "22222222222222222222222222222222"
	unsampled    = "33333333333333333333333333333333"
)

func play(t *testing.T) *story {
	s := &story{sent: startCollector(t)}
	decider := s.startDecider(t)
	server, err := program.Serve(t.Context(), faults.Setup{
		Args: []string{"--log-format", "json", "--deciders", "orders=" + decider, "--sweep-interval", "100ms", "--data", t.TempDir()},
		Env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.sent.url, "OTEL_METRICS_EXPORTER=otlp", "OTEL_METRIC_EXPORT_INTERVAL=500",
			"OTEL_BSP_SCHEDULE_DELAY=500", "OTEL_SERVICE_NAME=shop-stock"},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()

	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	web := &http.Client{Transport: transport}
	stock := stockholdv1connect.NewInventoryServiceClient(web, server.URL())
	holds := stockholdv1connect.NewReservationServiceClient(web, server.URL())

	_, err = stock.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: "mug", OnHand: 100})
	require.NoError(t, err)
	try := func(trace, owner, id string, ttl time.Duration, quantity int32) error {
		_, err := holds.Try(from(t.Context(), trace), &stockholdv1.TryRequest{Owner: owner, ReservationId: id, Ttl: durationpb.New(ttl),
			Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: quantity}}})
		return err
	}
	require.NoError(t, try(tryTrace, "default", "confirmed", time.Hour, 1))
	require.NoError(t, try(tryTrace, "default", "confirmed", time.Hour, 1), "a replay")
	_, err = holds.Confirm(from(t.Context(), confirmTrace), &stockholdv1.ConfirmRequest{ReservationId: "confirmed"})
	require.NoError(t, err)
	require.NoError(t, try(unsampled, "default", "unsampled", time.Hour, 1))
	require.Error(t, try(tryTrace, "default", "refused", time.Hour, 1000))
	require.NoError(t, try(tryTrace, "orders", "asked", time.Second, 1))
	require.NoError(t, try(tryTrace, "default", "expired", time.Second, 1))
	_, err = holds.BatchCancel(t.Context(), &stockholdv1.BatchCancelRequest{Requests: []*stockholdv1.CancelRequest{{ReservationId: "canceled"}, {ReservationId: "?"}}})
	require.NoError(t, err)

	_, err = holds.BatchConfirm(t.Context(), &stockholdv1.BatchConfirmRequest{Requests: []*stockholdv1.ConfirmRequest{{ReservationId: "confirmed"}}})
	require.NoError(t, err)

	require.Eventually(t, func() bool {
		results, err := server.Series(t.Context(), "stockhold_sweeper_results_total")
		return err == nil && results[`result="confirmed"`] == 1 && results[`result="expired"`] == 1
	}, time.Minute, 50*time.Millisecond, "the sweeper decides two holds")
	s.page = readPage(t, web, server.URL())
	require.NoError(t, server.Stop(t.Context()))
	s.log = server.Log()
	return s
}

// startDecider starts a decider that says COMMIT to everything.
func (s *story) startDecider(t *testing.T) (url string) {
	mux := http.NewServeMux()
	path, handler := stockholdv1connect.NewDecisionServiceHandler(commits{})
	mux.Handle(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked = append(s.asked, r.Header.Clone())
		handler.ServeHTTP(w, r)
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

type commits struct{}

func (commits) Decide(_ context.Context, request *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
	response := &stockholdv1.DecideResponse{}
	for _, q := range request.GetQuestions() {
		response.Decisions = append(response.Decisions, &stockholdv1.Decision{ReservationId: q.GetReservationId(), Verdict: stockholdv1.Verdict_VERDICT_COMMIT})
	}
	return response, nil
}

// from is a call that somebody made in a trace of theirs.
func from(ctx context.Context, trace string) context.Context {
	ctx, call := connect.NewClientContext(ctx)
	flags := "01"
	if trace == unsampled {
		flags = "00"
	}
	call.RequestHeader().Set("Traceparent", fmt.Sprintf("00-%s-aaaaaaaaaaaaaaaa-%s", trace, flags))
	return ctx
}
