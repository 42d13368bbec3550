package rpc

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// answer is what came back of a request made by hand.
type answer struct {
	status  int
	header  http.Header // trailers included
	body    string
	code    string // Connect's name, or gRPC's number
	message string
	refusal *stockholdv1.Refusal
}

func post(t testing.TB, client *http.Client, url, contentType, body string) answer {
	t.Helper()
	return send(t, client, http.MethodPost, url, contentType, strings.NewReader(body))
}

// send makes a request by hand and reads what the answer says in its protocol.
func send(t testing.TB, client *http.Client, method, url, contentType string, body io.Reader) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	if strings.HasPrefix(contentType, "application/grpc") {
		request.Header.Set("Te", "trailers")
	}
	return do(t, client, request)
}

func do(t testing.TB, client *http.Client, request *http.Request) answer {
	t.Helper()
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	a := answer{status: response.StatusCode, header: response.Header, body: string(raw)}
	for name, values := range response.Trailer {
		a.header[name] = values
	}
	if response.Header.Get("Content-Type") == "application/grpc-web+proto" && len(raw) > prefixSize && raw[0] == 0x80 {
		for line := range strings.Lines(string(raw[prefixSize:])) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			a.header.Set(name, strings.TrimSpace(value))
		}
	}
	if code := a.header.Get("Grpc-Status"); code != "" {
		a.readGRPC(t, code)
	} else if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") && a.status != http.StatusOK {
		a.readConnect(t)
	}
	return a
}

func (a *answer) readGRPC(t testing.TB, code string) {
	t.Helper()
	a.code, a.message = code, a.header.Get("Grpc-Message")
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(a.header.Get("Grpc-Status-Details-Bin"), "="))
	require.NoError(t, err)
	status := &spb.Status{}
	require.NoError(t, proto.Unmarshal(raw, status))
	for _, detail := range status.GetDetails() {
		refusal := &stockholdv1.Refusal{}
		if detail.MessageIs(refusal) {
			require.NoError(t, detail.UnmarshalTo(refusal))
			a.refusal = refusal
		}
	}
}

func (a *answer) readConnect(t testing.TB) {
	t.Helper()
	var body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Details []struct{ Type, Value string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &body), a.body)
	a.code, a.message = body.Code, body.Message
	for _, detail := range body.Details {
		if detail.Type == "stockhold.v1.Refusal" {
			raw, err := base64.RawStdEncoding.DecodeString(detail.Value)
			require.NoError(t, err)
			a.refusal = &stockholdv1.Refusal{}
			require.NoError(t, proto.Unmarshal(raw, a.refusal))
		}
	}
}

// enveloped puts gRPC's prefix before a message.
func enveloped(message string) string {
	prefix := make([]byte, prefixSize)
	binary.BigEndian.PutUint32(prefix[1:], uint32(len(message)))
	return string(prefix) + message
}

// is compares the code, which each protocol writes in its own way.
func (a answer) is(name string, number int) bool {
	return a.code == name || a.code == strconv.Itoa(number)
}
