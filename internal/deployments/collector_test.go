package deployments

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// collectAt puts the collector's address of this machine in.
func (s *site) collectAt(env map[string]string) {
	s.t.Helper()
	endpoint, err := url.Parse(env["OTEL_EXPORTER_OTLP_ENDPOINT"])
	require.NoError(s.t, err)
	if endpoint.Host == "" {
		return
	}
	require.Equal(s.t, "collector.monitoring.svc:4318", endpoint.Host, "the namespace and the port that the policy names")
	collector, err := url.Parse(s.traces)
	require.NoError(s.t, err)
	endpoint.Host = collector.Host
	env["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint.String()
}

// Spans of servers and of the CronJob reach the collector, of calls that a caller
// traces whatever share of the others is.
func TestTracesReachTheCollector(t *testing.T) {
	var mu sync.Mutex
	var sent strings.Builder
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" {
			http.Error(w, "only traces", http.StatusNotFound)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		sent.Write(body) // protobuf, in which texts stand as they are
	}))
	t.Cleanup(collector.Close)
	arrived := func(text string) bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(sent.String(), text)
	}

	s := newSite(t, traced)
	s.traces = collector.URL
	s.finish("Job stockhold-migrate")
	server := s.serve()
	server.ready()
	server.stock("mug", 10)
	ctx, call := connect.NewClientContext(t.Context())
	call.RequestHeader().Set("Traceparent", "00-11111111111111111111111111111111-aaaaaaaaaaaaaaaa-01")
	_, err := server.reservations().Try(ctx, &stockholdv1.TryRequest{ReservationId: "traced-hold", Owner: "orders",
		Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: 1}}})
	require.NoError(t, err)
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGTERM))
	require.Zero(t, server.within(grace(podOf(t, s.build, "Deployment stockhold"))))
	require.True(t, arrived("traced-hold"), "what a server has gathered is sent before it ends")
	require.True(t, arrived("ledger.batch"))

	// Of the sweeper's passes only a share is traced, so one is made sure of.
	sweep := s.run("CronJob stockhold-sweep", map[string]string{"OTEL_TRACES_SAMPLER_ARG": "1"})
	require.Zero(t, sweep.within(patience))
	require.True(t, json.Valid([]byte(sweep.out.String())), "traces do not stand between the report")
	require.Eventually(t, func() bool { return arrived("sweeper.pass") }, patience, 10*time.Millisecond)
}

// The overlay of the document leads to another collector, and only there.
func TestAnotherCollector(t *testing.T) {
	b := buildWith(t, traced, documentedYAML(t, "OTEL_EXPORTER_OTLP_ENDPOINT"))
	p := podOf(t, b, "Deployment stockhold")
	endpoint, err := url.Parse(p.environment(t, b, placeholders)["OTEL_EXPORTER_OTLP_ENDPOINT"])
	require.NoError(t, err)
	namespace, _, _ := strings.Cut(strings.SplitN(endpoint.Hostname(), ".", 2)[1], ".")
	server, collector := inside(t, b, "Deployment stockhold"), strangers(map[string]string{nameLabel: namespace})
	require.True(t, passes(t, b, server, collector, corev1.ProtocolTCP, 4318), "%s", namespace)
	require.False(t, passes(t, b, server, strangers(map[string]string{nameLabel: "monitoring"}), corev1.ProtocolTCP, 4318))
}
