package rpc

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/access"
	"stockhold/internal/conformance"
	"stockhold/internal/quota"
	"stockhold/internal/tokens"
)

const policy = `
callers:
  - {name: shop-a, subjects: ["jwt:shop-a"], roles: [orders], owners: [shop-a]}
  - {name: shop-b, subjects: ["jwt:shop-b"], roles: [orders], owners: [shop-b]}
  - {name: any-shop, subjects: ["jwt:any-shop"], roles: [orders], owners: ["*"]}
  - {name: warehouse, subjects: ["jwt:warehouse"], roles: [stock]}
  - {name: people, subjects: ["jwt:people"], roles: [operator]}
`

// visitors is a server's control by whose turn it is to call.
type visitors struct {
	control *access.Control
	policy  *access.Policy
	who     atomic.Value // string
}

func newVisitors(t *testing.T) *visitors {
	t.Helper()
	parsed, err := access.ParsePolicy([]byte(policy))
	require.NoError(t, err)
	v := &visitors{policy: parsed}
	v.who.Store("")
	v.control = access.New(access.Options{
		Policy: func() *access.Policy { return parsed },
		Token: func(token string) (string, error) {
			switch token {
			case "forged":
				return "", tokens.ErrForged
			case "early":
				return "", tokens.ErrNoKeys
			}
			return token, nil
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	return v
}

func (v *visitors) admit(r *http.Request) (*access.Caller, error) {
	if who := v.who.Load().(string); who != "" {
		r.Header.Set("Authorization", "Bearer "+who)
	}
	return v.control.Admit(r)
}

func (v *visitors) as(name string) { v.who.Store(name) }

// unread fails whoever reads of it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// Strangers hear that they are, in every protocol, and nothing of the domain is
// asked for them.
func TestStrangersAreTurnedAway(t *testing.T) {
	v := newVisitors(t)
	for who, want := range map[string]stockholdv1.Reason{
		"":          stockholdv1.Reason_REASON_UNAUTHENTICATED,
		"mallory":   stockholdv1.Reason_REASON_UNAUTHENTICATED,
		"forged":    stockholdv1.Reason_REASON_UNAUTHENTICATED,
		"warehouse": stockholdv1.Reason_REASON_PERMISSION_DENIED,
		"people":    stockholdv1.Reason_REASON_PERMISSION_DENIED,
		"early":     stockholdv1.Reason_REASON_UNAVAILABLE,
	} {
		t.Run(who, func(t *testing.T) {
			d := &domain{}
			url := serve(t, d, Options{Admit: v.admit})
			v.as(who)
			fourWays(t, url, func(t *testing.T, c conformance.Client) {
				_, err := c.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: "o-1"})
				refusal := conformance.RefusalOf(t, err)
				require.Equal(t, want, refusal.GetReason())
				_, err = c.Reservations.BatchTry(t.Context(), &stockholdv1.BatchTryRequest{})
				require.Equal(t, want, conformance.RefusalOf(t, err).GetReason())
			})
			require.Empty(t, d.tries)
		})
	}
}

func TestBodiesOfStrangersAreNotRead(t *testing.T) {
	handler, err := Handler(&domain{}, Options{Admit: newVisitors(t).admit})
	require.NoError(t, err)
	request, err := http.NewRequest(http.MethodPost, tryPath, unread{t})
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	answer := &recorder{header: http.Header{}}
	handler.ServeHTTP(answer, request)
	require.Equal(t, http.StatusUnauthorized, answer.status)
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// Reflection is for callers only, health for everybody.
func TestReflectionFollowsAuthenticationAndHealthDoesNot(t *testing.T) {
	v := newVisitors(t)
	url := serve(t, &domain{}, Options{Admit: v.admit})
	list := func() error {
		stream := grpcreflect.NewClient(conformance.H2CClient(t), url).NewStream(t.Context())
		defer stream.Close()
		_, err := stream.ListServices()
		return err
	}
	require.Error(t, list())
	answer := post(t, conformance.H2CClient(t), url+"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "application/grpc", "")
	require.Equal(t, "16", answer.code)
	conn, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	_, err = healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	require.NoError(t, err)
	v.as("warehouse")
	require.NoError(t, list())
}

// What an interceptor cannot see, DTM's way of calling, is no way around.
func TestBranchesOfDTMAreAskedWhoTheyAre(t *testing.T) {
	v := newVisitors(t)
	url := serve(t, &domain{}, Options{Admit: v.admit})
	const branch = "?gid=g&trans_type=tcc&branch_id=01&op=try"
	answer := post(t, conformance.HTTPClient(t), url+tryPath+branch, "application/json", `{"owner":"shop-a","reservationId":"1"}`)
	require.Equal(t, http.StatusUnauthorized, answer.status)
	v.as("shop-b")
	answer = post(t, conformance.HTTPClient(t), url+tryPath+branch, "application/json", `{"owner":"shop-a","reservationId":"1"}`)
	require.Equal(t, http.StatusForbidden, answer.status)
}

// With authentication off nothing stands in the way of a call.
func TestWithoutAuthenticationNothingIsAdded(t *testing.T) {
	handler, err := Handler(&domain{}, Options{})
	require.NoError(t, err)
	mux := handler.(*http.ServeMux)
	request, err := http.NewRequest(http.MethodPost, "http://any"+tryPath, nil)
	require.NoError(t, err)
	found, _ := mux.Handler(request)
	require.IsType(t, &door{}, found)
}

// No caller takes everybody's place, and each hears when to come back.
func TestOneCallerCannotTakeAllPlaces(t *testing.T) {
	v := newVisitors(t)
	d := &busyDomain{begun: make(chan struct{}, 9), let: make(chan struct{})}
	limit := func(c *access.Caller) quota.Caller {
		if c.Name == "shop-a" {
			return quota.Caller{AtOnce: 1}
		}
		return quota.Caller{Rate: quota.Rate{PerSecond: 0.001, Burst: 1}}
	}
	handler, err := Handler(d, Options{Admit: v.admit, CallerLimit: limit})
	require.NoError(t, err)
	c := conformance.Clients(t, conformance.Serve(t, handler))[0]
	confirm := func(owner string) error {
		_, err := c.Reservations.Confirm(t.Context(), &stockholdv1.ConfirmRequest{Owner: owner, ReservationId: "1"})
		return err
	}
	v.as("shop-a")
	first := make(chan error, 1)
	go func() { first <- confirm("shop-a") }()
	<-d.begun
	err = confirm("shop-a")
	require.Equal(t, stockholdv1.Reason_REASON_OVERLOADED, conformance.RefusalOf(t, err).GetReason())
	require.Positive(t, retryInfo(t, err).GetRetryDelay().AsDuration())

	v.as("shop-b")
	close(d.let)
	require.NoError(t, <-first)
	require.NoError(t, confirm("shop-b"))
	err = confirm("shop-b")
	require.Equal(t, stockholdv1.Reason_REASON_OVERLOADED, conformance.RefusalOf(t, err).GetReason())
	require.Positive(t, retryInfo(t, err).GetRetryDelay().AsDuration())
	v.as("shop-a")
	require.NoError(t, confirm("shop-a"), "the place was given back")
}

// The codes of what only interceptors and doors answer.
func TestDenialsInTheErrorTable(t *testing.T) {
	table := &errorTable{log: slog.New(slog.DiscardHandler)}
	for _, tt := range []struct {
		err    error
		code   connect.Code
		reason stockholdv1.Reason
	}{
		{access.ErrUnauthenticated, connect.CodeUnauthenticated, stockholdv1.Reason_REASON_UNAUTHENTICATED},
		{access.ErrDenied, connect.CodePermissionDenied, stockholdv1.Reason_REASON_PERMISSION_DENIED},
		{tokens.ErrNoKeys, connect.CodeUnavailable, stockholdv1.Reason_REASON_UNAVAILABLE},
	} {
		refused := table.refusal(t.Context(), "Try", tt.err)
		require.Equal(t, tt.code, refused.code)
		require.Equal(t, tt.reason, refused.detail.GetReason())
	}
}
