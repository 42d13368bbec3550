package rpc

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/conformance"
	"stockhold/reservation"
)

const testLimit = 1000

// sized is a message of exactly so many bytes in the given format.
func sized(t *testing.T, format string, size int) string {
	t.Helper()
	if format == "json" {
		const frame = `{"reference":""}`
		return `{"reference":"` + strings.Repeat("x", size-len(frame)) + `"}`
	}
	m := &stockholdv1.TryRequest{Reference: strings.Repeat("x", size)}
	for proto.Size(m) > size {
		m.Reference = m.Reference[1:]
	}
	raw, err := proto.Marshal(m)
	require.NoError(t, err)
	require.Equal(t, size, len(raw))
	return string(raw)
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

// onlyReader hides how long a body is: it is sent in chunks.
type onlyReader struct{ io.Reader }

func TestBodiesAtTheLimit(t *testing.T) {
	type body struct {
		contentType string
		text        func(size int) string
		header      string // names gzip
	}
	message := func(format string) func(int) string {
		return func(size int) string { return sized(t, format, size) }
	}
	inEnvelope := func(text func(int) string) func(int) string {
		return func(size int) string { return enveloped(text(size)) }
	}
	gzipped := func(text func(int) string) func(int) string {
		return func(size int) string { return zipped(t, text(size)) }
	}
	zippedEnvelope := func(text func(int) string) func(int) string {
		return func(size int) string { return "\x01" + enveloped(zipped(t, text(size)))[1:] }
	}
	bodies := map[string]body{
		"Connect":           {"application/proto", message("proto"), ""},
		"JSON":              {"application/json", message("json"), ""},
		"gRPC":              {"application/grpc", inEnvelope(message("proto")), ""},
		"gRPC-Web":          {"application/grpc-web+proto", inEnvelope(message("proto")), ""},
		"Connect with gzip": {"application/proto", gzipped(message("proto")), "Content-Encoding"},
		"gRPC with gzip":    {"application/grpc", zippedEnvelope(message("proto")), "Grpc-Encoding"},
	}
	for name, b := range bodies {
		t.Run(name, func(t *testing.T) {
			d := &domain{answer: reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Reserved}}}
			url := serve(t, d, Options{MaxBodyBytes: testLimit}) + tryPath
			attempt := func(size int, chunked bool) answer {
				var content io.Reader = strings.NewReader(b.text(size))
				if chunked {
					content = onlyReader{content}
				}
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, content)
				require.NoError(t, err)
				request.Header.Set("Content-Type", b.contentType)
				if b.header != "" {
					request.Header.Set(b.header, "gzip")
				}
				return do(t, conformance.H2CClient(t), request)
			}
			for _, chunked := range []bool{false, true} {
				a := attempt(testLimit, chunked)
				require.True(t, a.code == "" || a.code == "0", "%+v", a)
				require.Len(t, d.tries, 1)
				for _, size := range []int{testLimit + 1, testLimit + 2, 2 * testLimit, 100 * testLimit} {
					requireTooLarge(t, attempt(size, chunked))
				}
				require.Len(t, d.tries, 1, "what is too large does not reach the domain")
				d.tries = nil
			}
		})
	}
}

func requireTooLarge(t *testing.T, a answer) {
	t.Helper()
	require.True(t, a.is("resource_exhausted", 8), "%+v", a)
	require.Equal(t, stockholdv1.Reason_REASON_BODY_TOO_LARGE, a.refusal.GetReason(), "%+v", a)
	require.Nil(t, a.refusal.GetRetryAfter(), "a repeat does not help")
	require.Contains(t, a.message, "1000")
}

// A client of HTTP/1 that writes ten times the limit still reads the answer, and
// a gRPC client that announces four gigabytes is refused at once.
func TestBodiesFarOverTheLimit(t *testing.T) {
	url := serve(t, &domain{}, Options{MaxBodyBytes: testLimit}) + tryPath
	requireTooLarge(t, post(t, conformance.HTTPClient(t), url, "application/json", sized(t, "json", 10*testLimit)))
	requireTooLarge(t, send(t, conformance.H2CClient(t), http.MethodPost, url, "application/grpc", strings.NewReader("\x00\xff\xff\xff\xffx")))
}

func TestBodiesThatAreNotWhatTheySay(t *testing.T) {
	url := serve(t, &domain{}, Options{}) + tryPath
	for name, body := range map[string]string{"nothing": "", "half a prefix": "\x00\x00", "half a message": "\x00\x00\x00\x00\x09abc", "two messages": enveloped("") + enveloped("")} {
		a := post(t, conformance.H2CClient(t), url, "application/grpc", body)
		require.NotEqual(t, "0", a.code, name)
		require.NotEmpty(t, a.code, name)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("no gzip"))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Content-Encoding", "gzip")
	require.Equal(t, "invalid_argument", do(t, conformance.HTTPClient(t), request).code)
}
