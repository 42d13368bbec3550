package rpc

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/reflect/protoreflect"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/conformance"
	"stockhold/inventory"
	"stockhold/reservation"
)

// The gRPC of grpc-go, since that is what asks for health.
func TestHealthFollowsReadiness(t *testing.T) {
	var away error
	url := serve(t, &domain{}, Options{Ready: func(context.Context) error { return away }})
	conn, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	health := healthv1.NewHealthClient(conn)
	for _, service := range []string{"", "stockhold.v1.ReservationService", "stockhold.v1.InventoryService"} {
		away = nil
		answer, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		require.Equal(t, healthv1.HealthCheckResponse_SERVING, answer.GetStatus())
		away = errSecret
		answer, err = health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		require.Equal(t, healthv1.HealthCheckResponse_NOT_SERVING, answer.GetStatus())
	}
	_, err = health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "stockhold.v1.DecisionService"})
	require.ErrorContains(t, err, "NotFound", "stockhold asks deciders; it is none")
}

func TestReflectionNamesWhatIsServed(t *testing.T) {
	url := serve(t, &domain{}, Options{})
	client := grpcreflect.NewClient(conformance.H2CClient(t), url)
	stream := client.NewStream(t.Context())
	defer stream.Close()
	names, err := stream.ListServices()
	require.NoError(t, err)
	require.ElementsMatch(t, []protoreflect.FullName{"stockhold.v1.ReservationService", "stockhold.v1.InventoryService", grpchealth.HealthV1ServiceName}, names)
	files, err := stream.FileContainingSymbol("stockhold.v1.TryRequest")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	a := post(t, conformance.H2CClient(t), url+"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "application/grpc", "")
	require.Equal(t, "0", a.code)
}

func TestHTTPThatIsNoCall(t *testing.T) {
	url := serve(t, &domain{answer: reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Reserved}}}, Options{})
	client := conformance.HTTPClient(t)
	for _, tt := range []struct {
		method, path, contentType, body string
		status                          int
	}{
		{"GET", tryPath, "application/json", "", http.StatusMethodNotAllowed},
		{"PUT", tryPath, "application/json", "{}", http.StatusMethodNotAllowed},
		{"POST", tryPath, "text/plain", "{}", http.StatusUnsupportedMediaType},
		{"POST", tryPath, "", "{}", http.StatusUnsupportedMediaType},
		{"POST", tryPath, "application/grpc+cbor", "", http.StatusUnsupportedMediaType},
		{"POST", tryPath + "Again", "application/json", "{}", http.StatusNotFound},
		{"POST", "/stockhold.v1.DecisionService/Decide", "application/json", "{}", http.StatusNotFound},
		{"POST", "/nowhere", "application/json", "{}", http.StatusNotFound},
		{"POST", tryPath, "application/json", "{}", http.StatusOK},
		{"POST", tryPath, "application/json;charset=UTF-8", "{}", http.StatusOK},
		// What only reads may be a GET, and be cached.
		{"GET", "/stockhold.v1.ReservationService/GetReservation?connect=v1&encoding=json&message=%7B%7D", "", "", http.StatusOK},
	} {
		a := send(t, client, tt.method, url+tt.path, tt.contentType, strings.NewReader(tt.body))
		require.Equal(t, tt.status, a.status, "%s %s %s: %s", tt.method, tt.path, tt.contentType, a.body)
	}
}

// Small answers are not worth compressing, whatever the client accepts.
func TestOnlyLargeAnswersAreCompressed(t *testing.T) {
	d := &domain{stocks: []inventory.Stock{{}}}
	url := serve(t, d, Options{}) + "/stockhold.v1.InventoryService/ListStock"
	encoding := func() string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept-Encoding", "gzip")
		return do(t, conformance.HTTPClient(t), request).header.Get("Content-Encoding")
	}
	require.Empty(t, encoding())
	d.stocks = make([]inventory.Stock, 500)
	for i := range d.stocks {
		d.stocks[i].SKU = strings.Repeat("x", 64)
	}
	require.Equal(t, "gzip", encoding())
}

func TestQuantitiesMustFitTheWire(t *testing.T) {
	limits := reservation.DefaultLimits()
	limits.Quantity = math.MaxInt32 + 1
	_, err := Handler(&domain{limits: limits}, Options{})
	require.ErrorContains(t, err, "2147483648")
}

func TestBatchesAreBoundedAsAWhole(t *testing.T) {
	limits := reservation.DefaultLimits()
	limits.Batch = 3
	d := &domain{limits: limits, answer: reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Canceled}, Stock: &inventory.Stock{}}}
	url := serve(t, d, Options{})
	c := conformance.Clients(t, url)[0]
	for n, ok := range map[int]bool{0: false, 1: true, 3: true, 4: false} {
		_, err := c.Reservations.BatchTry(t.Context(), &stockholdv1.BatchTryRequest{Requests: make([]*stockholdv1.TryRequest, n)})
		requireBatch(t, ok, err)
		_, err = c.Reservations.BatchConfirm(t.Context(), &stockholdv1.BatchConfirmRequest{Requests: make([]*stockholdv1.ConfirmRequest, n)})
		requireBatch(t, ok, err)
		_, err = c.Reservations.BatchCancel(t.Context(), &stockholdv1.BatchCancelRequest{Requests: make([]*stockholdv1.CancelRequest, n)})
		requireBatch(t, ok, err)
		adjust := &stockholdv1.BatchAdjustStockRequest{}
		for range n {
			adjust.Requests = append(adjust.Requests, &stockholdv1.AdjustStockRequest{Delta: 1})
		}
		_, err = c.Inventory.BatchAdjustStock(t.Context(), adjust)
		requireBatch(t, ok, err)
	}
}

func requireBatch(t *testing.T, ok bool, err error) {
	t.Helper()
	if ok {
		require.NoError(t, err)
		return
	}
	require.Equal(t, "requests", conformance.RefusalOf(t, err).GetViolations()[0].GetField())
}

// Every answer is counted: done, replayed, refused, malformed, panicked, and each
// item of a batch.
func TestCallsAreCounted(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(noop.NewMeterProvider()) })
	d := &domain{answer: reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Reserved}}}
	url := serve(t, d, Options{})
	c := conformance.Clients(t, url)[0]
	try := func() error {
		_, err := c.Reservations.Try(t.Context(), &stockholdv1.TryRequest{})
		return err
	}
	require.NoError(t, try())
	d.answer.Replayed = true
	require.NoError(t, try())
	require.NoError(t, try())
	d.answer = reservation.Answer{Err: &reservation.Refusal{Reason: reservation.TooLate, Message: "late"}}
	require.Error(t, try())
	_, err := c.Reservations.BatchCancel(t.Context(), &stockholdv1.BatchCancelRequest{Requests: make([]*stockholdv1.CancelRequest, 2)})
	require.NoError(t, err)
	post(t, conformance.HTTPClient(t), url+tryPath, "application/json", "{")
	d.panics = "boom"
	require.Error(t, try())

	require.Equal(t, map[string]int64{
		"Try ok  false":                                         1,
		"Try ok  true":                                          2,
		"Try failed_precondition TOO_LATE false":                1,
		"Try invalid_argument INVALID false":                    1,
		"Try internal INTERNAL false":                           1,
		"BatchCancel ok  false":                                 1,
		"items: BatchCancel failed_precondition TOO_LATE false": 2,
	}, counted(t, reader))
}

func counted(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	out := map[string]int64{}
	timed := false
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			prefix := map[string]string{"stockhold.rpc.batch.items": "items: "}[m.Name]
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, point := range data.DataPoints {
					if point.Value > 0 { // some are shown from the start
						out[prefix+named4(point.Attributes)] = point.Value
					}
				}
			case metricdata.Histogram[float64]:
				timed = m.Name == "stockhold.rpc.duration" && m.Unit == "s"
			}
		}
	}
	require.True(t, timed)
	return out
}

func named4(set attribute.Set) string {
	var parts []string
	for _, key := range []attribute.Key{"rpc", "code", "reason", "replayed"} {
		value, _ := set.Value(key)
		parts = append(parts, value.String())
	}
	return strings.Join(parts, " ")
}

func TestCallsAreTraced(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(spans)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	url := serve(t, &domain{answer: reservation.Answer{Err: errors.New("broken")}}, Options{Trace: true})
	_, err := conformance.Clients(t, url)[0].Reservations.Try(t.Context(), &stockholdv1.TryRequest{})
	require.Equal(t, connect.CodeInternal, connect.CodeOf(err))
	require.Len(t, spans.Ended(), 1)
	require.Equal(t, "stockhold.v1.ReservationService/Try", spans.Ended()[0].Name())
}
