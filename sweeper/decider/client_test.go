package decider_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/sweeper"
	"stockhold/sweeper/decider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is an order service by a function.
type service func(context.Context, *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error)

func (s service) Decide(ctx context.Context, r *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
	return s(ctx, r)
}

func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func connectServer(t *testing.T, s service) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(stockholdv1connect.NewDecisionServiceHandler(s))
	return serve(t, mux)
}

func client(t *testing.T, url string, opts decider.Options) *decider.Client {
	t.Helper()
	c, err := decider.New(url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// ask asks about holds by their ids.
func ask(t *testing.T, c *decider.Client, ids ...string) ([]sweeper.Decision, error) {
	t.Helper()
	questions := make([]sweeper.Question, len(ids))
	for i, id := range ids {
		questions[i] = sweeper.Question{ID: id}
	}
	return c.Decide(t.Context(), "orders", questions)
}

func TestQuestionAndAnswer(t *testing.T) {
	var got *stockholdv1.DecideRequest
	server := connectServer(t, func(_ context.Context, r *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
		got = r
		answer := func(id string, verdict stockholdv1.Verdict, retry *durationpb.Duration) *stockholdv1.Decision {
			return &stockholdv1.Decision{ReservationId: id, Verdict: verdict, RetryAfter: retry}
		}
		return &stockholdv1.DecideResponse{Decisions: []*stockholdv1.Decision{
			answer("commit", stockholdv1.Verdict_VERDICT_COMMIT, nil),
			answer("abort", stockholdv1.Verdict_VERDICT_ABORT, nil),
			answer("pending", stockholdv1.Verdict_VERDICT_PENDING, nil),
			answer("later", stockholdv1.Verdict_VERDICT_PENDING, durationpb.New(90*time.Second)),
			answer("now", stockholdv1.Verdict_VERDICT_PENDING, durationpb.New(0)),
			answer("yesterday", stockholdv1.Verdict_VERDICT_PENDING, durationpb.New(-day)),
			answer("never", stockholdv1.Verdict_VERDICT_PENDING, &durationpb.Duration{Seconds: 1 << 62}),
			answer("unknown", stockholdv1.Verdict_VERDICT_UNKNOWN, nil),
			answer("unspecified", stockholdv1.Verdict_VERDICT_UNSPECIFIED, nil),
			answer("of another version", 77, nil),
			nil,
		}}, nil
	})
	expires := time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC)

	decisions, err := client(t, server.URL, decider.Options{}).Decide(t.Context(), "orders",
		[]sweeper.Question{{ID: "commit", Reference: "cart 7", ExpiresAt: expires, Checks: 3}, {ID: "abort"}})

	require.NoError(t, err)
	require.Equal(t, "orders", got.GetOwner())
	require.Len(t, got.GetQuestions(), 2)
	require.Equal(t, "commit", got.GetQuestions()[0].GetReservationId())
	require.Equal(t, "cart 7", got.GetQuestions()[0].GetReference())
	require.Equal(t, expires, got.GetQuestions()[0].GetExpiresAt().AsTime())
	require.Equal(t, int32(3), got.GetQuestions()[0].GetChecks())
	require.Equal(t, []sweeper.Decision{
		{ID: "commit", Verdict: sweeper.Commit},
		{ID: "abort", Verdict: sweeper.Abort},
		{ID: "pending", Verdict: sweeper.Pending},
		{ID: "later", Verdict: sweeper.Pending, RetryAfter: 90 * time.Second},
		{ID: "now", Verdict: sweeper.Pending, RetryAfter: 1},
		{ID: "yesterday", Verdict: sweeper.Pending, RetryAfter: 1},
		{ID: "never", Verdict: sweeper.Pending, RetryAfter: 1<<63 - 1},
		{ID: "unknown", Verdict: sweeper.Unknown},
		{ID: "unspecified", Verdict: sweeper.Unknown},
		{ID: "of another version"},
		{Verdict: sweeper.Unknown},
	}, decisions)
}

const day = 24 * time.Hour

func TestPathOfTheURLIsKept(t *testing.T) {
	path, handler := stockholdv1connect.NewDecisionServiceHandler(service(
		func(context.Context, *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
			return &stockholdv1.DecideResponse{}, nil
		}))
	mux := http.NewServeMux()
	mux.Handle("/orders"+path, http.StripPrefix("/orders", handler))
	server := serve(t, mux)
	for _, url := range []string{server.URL + "/orders", server.URL + "/orders/"} {
		_, err := ask(t, client(t, url, decider.Options{}), "1")
		require.NoError(t, err)
	}
}

func TestOverTLS(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle(stockholdv1connect.NewDecisionServiceHandler(service(
		func(_ context.Context, r *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
			return &stockholdv1.DecideResponse{Decisions: []*stockholdv1.Decision{{ReservationId: "1", Verdict: stockholdv1.Verdict_VERDICT_ABORT}}}, nil
		})))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)

	decisions, err := ask(t, client(t, server.URL, decider.Options{TLS: func() *tls.Config { return server.Client().Transport.(*http.Transport).TLSClientConfig }}), "1")
	require.NoError(t, err)
	require.Equal(t, []sweeper.Decision{{ID: "1", Verdict: sweeper.Abort}}, decisions)

	_, err = ask(t, client(t, server.URL, decider.Options{}), "1")
	require.ErrorContains(t, err, "certificate", "a stranger's certificate is not believed")
}

func TestErrorsOfTheService(t *testing.T) {
	for _, code := range []connect.Code{connect.CodeInternal, connect.CodeUnimplemented, connect.CodeUnauthenticated, connect.CodeDeadlineExceeded} {
		server := connectServer(t, func(context.Context, *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
			return nil, connect.NewError(code, errors.New("no"))
		})
		decisions, err := ask(t, client(t, server.URL, decider.Options{}), "1")
		require.Equal(t, code, connect.CodeOf(err))
		require.Nil(t, decisions)
	}
}

func TestURLsThatMakeNoSense(t *testing.T) {
	for url, want := range map[string]string{
		"":                           "scheme",
		"orders:8080":                "scheme",
		"orders.internal":            "scheme",
		"ftp://orders":               "scheme",
		"grpc://orders:8080":         "scheme",
		"http://":                    "no host",
		"http://:8080":               "no host",
		"http:///decide":             "no host",
		"http://user:hunter2@orders": "user or a password",
		"http://orders/?key=hunter2": "query",
		"http://orders?":             "query",
		"http://orders#hunter2":      "fragment",
		"http://orders:port":         "invalid port",
		"http://orders\x7f/hunter2":  "invalid control character",
		"http://[::1/hunter2":        "missing ']'",
	} {
		_, err := decider.New(url, decider.Options{})
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "hunter2", "it may end up in a log")
	}
	for _, url := range []string{"http://orders", "https://orders:8443/base", "http://127.0.0.1:9000/", "http://[::1]:9000"} {
		_, err := decider.New(url, decider.Options{})
		require.NoError(t, err, url)
	}
}
