package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"sync/atomic"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"connectrpc.com/otelconnect"

	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/access"
	"stockhold/internal/quota"
	"stockhold/inventory"
	"stockhold/reservation"
)

// Service is what the handlers need of the domain: a running *reservation.Service.
type Service interface {
	Try(ctx context.Context, requests []reservation.TryRequest) []reservation.Answer
	Do(ctx context.Context, requests []reservation.Request) []reservation.Answer
	Change(ctx context.Context, changes []inventory.Change) []reservation.Answer
	Get(ctx context.Context, id reservation.HoldID) (*reservation.Reservation, error)
	List(ctx context.Context, filter reservation.Filter, after int64, limit int) ([]*reservation.Reservation, int64, error)
	GetStock(ctx context.Context, key inventory.Key) (inventory.Stock, error)
	ListStock(ctx context.Context, sku, location string, after inventory.Key, limit int) ([]inventory.Stock, error)
	Limits() reservation.Limits
}

// Options shape the handlers. Zero fields take the defaults.
type Options struct {
	// MaxBodyBytes is the largest message of a call, in bytes, as sent and as
	// decompressed. Default 1 MiB.
	MaxBodyBytes int
	// MaxCalls is how many calls may be under way at once; those beyond are OVERLOADED.
	// Default 1024.
	MaxCalls int
	// Ready says whether calls can be served: nil when the ledger answers. The gRPC
	// health service reports it. Default: always ready.
	Ready func(ctx context.Context) error
	// Trace makes a span of each call, for the global tracer provider.
	Trace bool
	// Interceptors run inside of the handlers' own, first to last: who may call
	// what, for example. A *connect.Error of theirs is answered as it is.
	Interceptors []connect.Interceptor
	// Admit says who makes a request, and refuses those who may not make it, by its
	// connection, path and headers. Whom it lets in speaks for its own owners only.
	// Health is not asked about. Default: everybody may make every call, in every
	// owner's name.
	Admit func(*http.Request) (*access.Caller, error)
	// CallerLimit is how much a caller that was admitted may ask for. Default: no limit.
	CallerLimit func(*access.Caller) quota.Caller
	// OwnerLimit is how much may be asked for in the name of an owner; where it limits
	// held units, Holdings must be there. Default: no limit.
	OwnerLimit func(owner string) quota.Owner
	Holdings   *quota.Holdings
	// Operator answers OperatorService, which is not served where it is nil.
	Operator Operator
	// Logger hears of defects and of stores that are away. Default slog.Default().
	Logger *slog.Logger
}

const (
	defaultMaxBodyBytes = 1 << 20
	defaultMaxCalls     = 1024

	// To compress the answer of a hundred Trys, 9 KiB, takes 150 µs, by profile; a network
	// of a gigabit carries it in 75. Long pages of a listing are worth it.
	compressFromBytes = 16 << 10

	maxSideBytes = 64 << 10 // of a message to the health and reflection services
)

func (o Options) withDefaults() Options {
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = defaultMaxBodyBytes
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = defaultMaxCalls
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) error { return nil }
	}
	if o.CallerLimit == nil {
		o.CallerLimit = func(*access.Caller) quota.Caller { return quota.Caller{} }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Handler serves the services, gRPC health and gRPC reflection (v1 and
// v1alpha), at the paths of their procedures. The server must offer HTTP/2
// without TLS, or TLS, for gRPC; HTTP/1.1 is enough for the others.
//
// It fails when the limits allow a quantity that the wire cannot carry.
func Handler(service Service, options Options) (http.Handler, error) {
	options = options.withDefaults()
	if most := service.Limits().Quantity; most > math.MaxInt32 {
		return nil, fmt.Errorf("the limit of a line's quantity is %d, but the wire carries at most %d", most, math.MaxInt32)
	}
	metrics, err := newMetrics()
	if err != nil {
		return nil, err
	}
	errs := &errorTable{log: options.Logger}
	callOptions, err := handlerOptions(options, errs, metrics)
	if err != nil {
		return nil, err
	}

	if options.OwnerLimit != nil {
		service = &metered{service, options.OwnerLimit, quota.NewRates(), options.Holdings}
	}
	admitted := func(handler http.Handler) http.Handler { return handler }
	writer := connect.NewErrorWriter(callOptions...)
	if options.Admit != nil {
		service = &guarded{service}
		rates, seats := quota.NewRates(), quota.NewSeats()
		admitted = func(handler http.Handler) http.Handler {
			return &admission{
				next: handler, admit: options.Admit, limit: options.CallerLimit, rates: rates, seats: seats,
				errors: errs, metrics: metrics, writer: writer,
			}
		}
	}

	notes, err := writeNotes(writer, int64(options.MaxCalls))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	inside := new(atomic.Int64)
	serve := func(path string, handler http.Handler) {
		mux.Handle(path, admitted(&door{
			next: limitBodies(handler, options.MaxBodyBytes), limit: int64(options.MaxCalls),
			inside: inside, writer: writer, notes: notes, metrics: metrics,
		}))
	}
	serve(stockholdv1connect.NewReservationServiceHandler(&reservations{service, errs, metrics}, callOptions...))
	serve(stockholdv1connect.NewInventoryServiceHandler(&stocks{service, errs, metrics}, callOptions...))

	served := []string{stockholdv1connect.ReservationServiceName, stockholdv1connect.InventoryServiceName}
	if options.Operator != nil {
		serve(stockholdv1connect.NewOperatorServiceHandler(&operators{options.Operator}, callOptions...))
		served = append(served, stockholdv1connect.OperatorServiceName)
	}
	reflector := grpcreflect.NewStaticReflector(append(served, grpchealth.HealthV1ServiceName)...)
	small := connect.WithReadMaxBytes(maxSideBytes)
	mux.Handle(grpchealth.NewHandler(&readiness{options.Ready, served}, small))
	for _, reflection := range []func(*grpcreflect.Reflector, ...connect.HandlerOption) (string, http.Handler){
		grpcreflect.NewHandlerV1, grpcreflect.NewHandlerV1Alpha,
	} {
		path, handler := reflection(reflector, small)
		mux.Handle(path, admitted(handler))
	}
	return mux, nil
}

func handlerOptions(options Options, errs *errorTable, metrics *metrics) ([]connect.HandlerOption, error) {
	// The first interceptor is the outermost: a span sees the code that the caller
	// gets, and whoever refuses callers does so before their message is looked at.
	var interceptors []connect.Interceptor
	if options.Trace {
		tracing, err := otelconnect.NewInterceptor(otelconnect.WithoutMetrics(), otelconnect.WithoutTraceEvents(),
			otelconnect.WithoutServerPeerAttributes(), otelconnect.WithTrustRemote())
		if err != nil {
			return nil, fmt.Errorf("make the tracing interceptor: %w", err)
		}
		interceptors = append(interceptors, tracing)
	}
	boundary := &boundary{errors: errs, metrics: metrics}
	interceptors = append(interceptors, connect.UnaryInterceptorFunc(boundary.wrap))
	interceptors = append(interceptors, options.Interceptors...)
	interceptors = append(interceptors, connect.UnaryInterceptorFunc(refuseMalformed))

	handlerOptions := []connect.HandlerOption{
		connect.WithInterceptors(interceptors...),
		connect.WithReadMaxBytes(options.MaxBodyBytes),
		connect.WithCompressMinBytes(compressFromBytes),
		boundedCompression(options.MaxBodyBytes),
	}
	for _, codec := range codecs() {
		handlerOptions = append(handlerOptions, connect.WithCodec(codec))
	}
	return handlerOptions, nil
}
