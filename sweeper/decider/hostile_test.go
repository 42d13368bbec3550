package decider_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/sweeper"
	"stockhold/sweeper/decider"
)

// Whatever is not an answer is an error, and never a decision.
func TestGarbage(t *testing.T) {
	abort, err := proto.Marshal(&stockholdv1.DecideResponse{Decisions: []*stockholdv1.Decision{{ReservationId: "1", Verdict: stockholdv1.Verdict_VERDICT_ABORT}}})
	require.NoError(t, err)
	body := func(contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, text)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"a page for people":       body("text/html; charset=utf-8", "<html><body>COMMIT</body></html>"),
		"a page that claims more": body("application/proto", "<html><body>COMMIT</body></html>"),
		"another codec":           body("application/json", `{"decisions":[{"reservationId":"1","verdict":"VERDICT_ABORT"}]}`),
		"half a message":          body("application/proto", string(abort[:len(abort)-1])),
		"noise":                   body("application/proto", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
		"an id that is no text":   body("application/proto", "\x0a\x06\x0a\x02\xff\xfe\x10\x01"),
		"no such page":            http.NotFound,
		"a login page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusUnauthorized)
		},
		"an answer that was cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/proto")
			w.Header().Set("Content-Length", fmt.Sprint(len(abort)+5))
			_, _ = w.Write(abort)
			panic(http.ErrAbortHandler)
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"compressed though nobody asked": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/proto")
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			_, _ = zip.Write(abort)
			_ = zip.Close()
		},
		"a header without end": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/proto")
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
			_, _ = w.Write(abort)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(handler)
			server.Config.ErrorLog = nil
			server.Start()
			t.Cleanup(server.Close)
			decisions, err := ask(t, client(t, server.URL, decider.Options{}), "1")
			require.Error(t, err)
			require.Nil(t, decisions)
		})
	}
}

func TestAnswersAreBoundedInSize(t *testing.T) {
	decisions := 10
	server := connectServer(t, func(context.Context, *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
		answer := &stockholdv1.DecideResponse{}
		for i := range decisions {
			answer.Decisions = append(answer.Decisions, &stockholdv1.Decision{ReservationId: fmt.Sprint(i), Verdict: stockholdv1.Verdict_VERDICT_ABORT})
		}
		return answer, nil
	})
	c := client(t, server.URL, decider.Options{MaxResponse: 1000})
	got, err := ask(t, c, "1")
	require.NoError(t, err)
	require.Len(t, got, 10)

	decisions = 10_000
	got, err = ask(t, c, "1")
	require.ErrorContains(t, err, "longer than 1000 bytes")
	require.Nil(t, got)
}

// An answer that never ends is ended, and does not take the whole time-out.
func TestAnswerWithoutEnd(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusInternalServerError} {
		var sent atomic.Int64
		server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			contentType := "application/proto"
			if status != http.StatusOK {
				contentType = "application/json"
			}
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			for r.Context().Err() == nil {
				n, err := w.Write(make([]byte, 4096))
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		}))
		decisions, err := ask(t, client(t, server.URL, decider.Options{MaxResponse: 1000, Timeout: time.Minute}), "1")
		require.Error(t, err)
		require.Nil(t, decisions)
		require.Less(t, sent.Load(), int64(100<<20))
	}
}

func TestRedirectsAreRefused(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		reached := false
		elsewhere := connectServer(t, func(context.Context, *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
			reached = true
			return &stockholdv1.DecideResponse{}, nil
		})
		server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+stockholdv1connect.DecisionServiceDecideProcedure, status)
		}))
		decisions, err := ask(t, client(t, server.URL, decider.Options{}), "1")
		require.ErrorContains(t, err, "must not redirect", status)
		require.Nil(t, decisions)
		require.False(t, reached)
	}
}

func TestTimeouts(t *testing.T) {
	t.Run("a service that hangs", func(t *testing.T) {
		server := connectServer(t, func(ctx context.Context, _ *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		_, err := ask(t, client(t, server.URL, decider.Options{Timeout: 50 * time.Millisecond}), "1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("the caller's deadline", func(t *testing.T) {
		server := connectServer(t, func(ctx context.Context, _ *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := client(t, server.URL, decider.Options{}).Decide(ctx, "orders", []sweeper.Question{{ID: "1"}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("an answer that trickles", func(t *testing.T) {
		server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/proto")
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte{0x0a})
				_ = http.NewResponseController(w).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		}))
		_, err := ask(t, client(t, server.URL, decider.Options{Timeout: 50 * time.Millisecond}), "1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("a server that accepts and says nothing", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, listener.Close()) })
		_, err = ask(t, client(t, "http://"+listener.Addr().String(), decider.Options{Timeout: 50 * time.Millisecond}), "1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	_, err := ask(t, client(t, url, decider.Options{}), "1")
	require.ErrorContains(t, err, "connection refused")
}
