package monitoring

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is what traces and metrics are sent to.
type collector struct {
	url string

	mu      sync.Mutex
	spans   []span
	metrics map[string]measured
	service string
	bodies  map[string]string // what was sent, as it came, by path
	shown   string            // the Authorization of the last request
}

// span is one that was received.
type span struct {
	*trace.Span
	trace, id, parent string // in hex
	attributes        map[string]*common.AnyValue
}

// measured is an instrument that was received.
type measured struct {
	*metrics.Metric
	attributes map[string]bool // the names that its readings have
}

func startCollector(t *testing.T) *collector {
	c := &collector{metrics: map[string]measured{}, bodies: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		var sent collectortrace.ExportTraceServiceRequest
		if c.accept(w, r, &sent) {
			c.addSpans(&sent)
		}
	})
	mux.HandleFunc("POST /v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		var sent collectormetrics.ExportMetricsServiceRequest
		if c.accept(w, r, &sent) {
			c.addMetrics(&sent)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collector) accept(w http.ResponseWriter, r *http.Request, message proto.Message) bool {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = proto.Unmarshal(body, message)
	}
	c.mu.Lock()
	c.bodies[r.URL.Path] += string(body)
	c.shown = r.Header.Get("Authorization")
	c.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

func (c *collector) addSpans(sent *collectortrace.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range sent.GetResourceSpans() {
		c.service = named(resource.GetResource().GetAttributes())["service.name"].GetStringValue()
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, span{s, hex.EncodeToString(s.GetTraceId()), hex.EncodeToString(s.GetSpanId()),
					hex.EncodeToString(s.GetParentSpanId()), named(s.GetAttributes())})
			}
		}
	}
}

func (c *collector) addMetrics(sent *collectormetrics.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range sent.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				known, ok := c.metrics[m.GetName()]
				if !ok {
					known = measured{m, map[string]bool{}}
					c.metrics[m.GetName()] = known
				}
				for _, attributes := range readings(m) {
					for _, a := range attributes {
						known.attributes[a.GetKey()] = true
					}
				}
			}
		}
	}
}

// readings are the attributes of each reading of an instrument.
func readings(m *metrics.Metric) (all [][]*common.KeyValue) {
	for _, p := range m.GetSum().GetDataPoints() {
		all = append(all, p.GetAttributes())
	}
	for _, p := range m.GetGauge().GetDataPoints() {
		all = append(all, p.GetAttributes())
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		all = append(all, p.GetAttributes())
	}
	return all
}

func named(attributes []*common.KeyValue) map[string]*common.AnyValue {
	all := make(map[string]*common.AnyValue, len(attributes))
	for _, a := range attributes {
		all[a.GetKey()] = a.GetValue()
	}
	return all
}

// received returns the spans of a name that fit.
func (c *collector) received(name string, fits func(span) bool) []span {
	c.mu.Lock()
	spans := slices.Clone(c.spans)
	c.mu.Unlock()
	var found []span
	for _, s := range spans {
		if s.GetName() == name && fits(s) {
			found = append(found, s)
		}
	}
	return found
}

// one is the only span of a name that fits.
func (c *collector) one(t *testing.T, name string, fits func(span) bool) span {
	t.Helper()
	found := c.received(name, fits)
	require.Len(t, found, 1, name)
	return found[0]
}

// linksTo reports whether a span links to another one.
func (s span) linksTo(other span) bool {
	for _, link := range s.GetLinks() {
		if hex.EncodeToString(link.GetSpanId()) == other.id && hex.EncodeToString(link.GetTraceId()) == other.trace {
			return true
		}
	}
	return false
}

func (s span) about(id string) bool {
	return s.attributes["stockhold.reservation.id"].GetStringValue() == id
}
