//go:build faults

package network_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/faults"
)

// nonsense are the ways in which a decider does not decide. Where they contain a
// verdict it is ABORT: if anything of it were believed, stock would be released.
var nonsense = map[string]http.HandlerFunc{
	"slow": func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done() // until the sweeper gives up
	},
	"trickling": func(w http.ResponseWriter, r *http.Request) {
		questions := read(r)
		body := bytesOf(aborts(questions))
		w.Header().Set("Content-Type", "application/proto")
		for _, b := range body[:len(body)-1] {
			if _, err := w.Write([]byte{b}); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
		}
		<-r.Context().Done()
	},
	"resetting": func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_ = connection.(*net.TCPConn).SetLinger(0)
		_ = connection.Close()
	},
	"garbage": answer(func(*stockholdv1.DecideRequest) []byte { return []byte("\xff\xfe this is no message") }),
	"cut short": answer(func(request *stockholdv1.DecideRequest) []byte {
		body := bytesOf(aborts(request))
		return body[:len(body)-1]
	}),
	"endless": func(w http.ResponseWriter, r *http.Request) {
		request := read(r)
		w.Header().Set("Content-Type", "application/proto")
		for body := bytesOf(aborts(request)); ; {
			if _, err := w.Write(body); err != nil {
				return
			}
		}
	},
	"a page for people": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><title>ABORT</title></html>")
	},
	"failing": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write(bytesOf(aborts(read(r))))
	},
	"sent elsewhere": func(w http.ResponseWriter, r *http.Request) {
		// There, every answer is ABORT.
		http.Redirect(w, r, "/elsewhere"+decidePath, http.StatusTemporaryRedirect)
	},
	"of two minds": answer(func(request *stockholdv1.DecideRequest) []byte {
		response := aborts(request)
		for _, question := range request.GetQuestions() {
			response.Decisions = append(response.Decisions, &stockholdv1.Decision{ReservationId: question.GetReservationId(), Verdict: stockholdv1.Verdict_VERDICT_COMMIT})
		}
		return bytesOf(response)
	}),
	"of unknown verdicts": answer(func(request *stockholdv1.DecideRequest) []byte {
		response := aborts(request)
		for _, decision := range response.Decisions {
			decision.Verdict = 42
		}
		return bytesOf(response)
	}),
	"about others": answer(func(request *stockholdv1.DecideRequest) []byte {
		response := aborts(request)
		for _, decision := range response.Decisions {
			decision.ReservationId += "-not"
		}
		return bytesOf(response)
	}),
	"of other fields": answer(func(*stockholdv1.DecideRequest) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 2)
	}),
}

const decidePath = stockholdv1connect.DecisionServiceDecideProcedure

// answer is a handler that answers with a status of 200 and a body.
func answer(body func(*stockholdv1.DecideRequest) []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request := read(r)
		w.Header().Set("Content-Type", "application/proto")
		_, _ = w.Write(body(request))
	}
}

// read reads what was asked; what cannot be read was asked nothing.
func read(r *http.Request) *stockholdv1.DecideRequest {
	request := &stockholdv1.DecideRequest{}
	if body, err := io.ReadAll(r.Body); err == nil {
		_ = proto.Unmarshal(body, request)
	}
	return request
}

func aborts(request *stockholdv1.DecideRequest) *stockholdv1.DecideResponse {
	response := &stockholdv1.DecideResponse{}
	for _, question := range request.GetQuestions() {
		response.Decisions = append(response.Decisions, &stockholdv1.Decision{ReservationId: question.GetReservationId(), Verdict: stockholdv1.Verdict_VERDICT_ABORT})
	}
	return response
}

func bytesOf(message proto.Message) []byte {
	text, err := proto.Marshal(message)
	if err != nil {
		panic(err) // a message of ours that cannot be written
	}
	return text
}

// sound is a decider that decides: COMMIT.
type sound struct{}

func (sound) Decide(_ context.Context, request *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
	response := aborts(request)
	for _, decision := range response.Decisions {
		decision.Verdict = stockholdv1.Verdict_VERDICT_COMMIT
	}
	return response, nil
}

var _ stockholdv1connect.DecisionServiceHandler = sound{}

// A decider that is slow, breaks its connections, or answers garbage, other
// people's questions or with two verdicts decides nothing: each of its holds
// stays held past its expiry, also when it was asked again and again. Once it
// makes sense, they are confirmed.
func TestDeciderThatMakesNoSense(t *testing.T) {
	t.Parallel()
	site := faults.NewSite(t, faults.SiteOptions{})
	var sane atomic.Bool
	_, saneHandler := stockholdv1connect.NewDecisionServiceHandler(sound{}, connect.WithReadMaxBytes(1<<20))
	mux := http.NewServeMux()
	counts := map[string]*atomic.Int64{}
	var elsewhere atomic.Int64
	mux.HandleFunc("/elsewhere/", func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		answer(func(request *stockholdv1.DecideRequest) []byte { return bytesOf(aborts(request)) })(w, r)
	})
	address := serve(t, mux)
	var deciders []string
	for name, handle := range nonsense {
		owner := strings.ReplaceAll(name, " ", "-")
		count := new(atomic.Int64)
		counts[owner] = count
		mux.HandleFunc("/"+owner+"/", func(w http.ResponseWriter, r *http.Request) {
			count.Add(1)
			if sane.Load() {
				http.StripPrefix("/"+owner, saneHandler).ServeHTTP(w, r)
				return
			}
			handle(w, r)
		})
		deciders = append(deciders, owner+"=http://"+address+"/"+owner)
	}
	site.Settings["STOCKHOLD_DECIDERS"] = strings.Join(deciders, ",")
	_, client := faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "nonsense", 1_000_000))
	for owner := range counts {
		faults.Answered(t, recovery, func(ctx context.Context) (*stockholdv1.TryResponse, error) {
			return client.Try(ctx, tryOf(owner, "hold", "nonsense", time.Second))
		})
	}
	for owner, count := range counts {
		require.Eventually(t, func() bool { return count.Load() >= 3 }, patience, 10*time.Millisecond, "%s is not asked again", owner)
	}
	for owner := range counts {
		require.Equal(t, stockholdv1.State_STATE_RESERVED, get(t, client, owner, "hold").GetState(), owner)
	}
	require.Zero(t, elsewhere.Load(), "a redirect was followed")
	sane.Store(true)
	for owner := range counts {
		faults.Eventually(t, func() bool { return get(t, client, owner, "hold").GetState() == stockholdv1.State_STATE_CONFIRMED },
			patience, 50*time.Millisecond, "%s makes sense and is not believed", owner)
	}
	requireRest(t, site, client)
}

// serve serves HTTP until the test ends, and says where.
func serve(t *testing.T, handler http.Handler) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		serving.Wait()
	})
	return listener.Addr().String()
}
