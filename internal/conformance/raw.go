package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What comes in by hand, as from a shell: no client library stands between.
func testRawHTTP(t *testing.T, e *env) {
	sku := e.sku(t, 5)
	client := HTTPClient(t)
	do := func(method, path, contentType, body string) (int, map[string]any, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, e.server.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", contentType)
		response, err := client.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		raw, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		var answer map[string]any
		if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
			require.NoError(t, json.Unmarshal(raw, &answer), "%s", raw)
		}
		return response.StatusCode, answer, string(raw)
	}
	const try = "/stockhold.v1.ReservationService/Try"
	held := fmt.Sprintf(`{"reservation_id": %q, "owner": %q, "lines": [{"sku": %q, "quantity": 1}]`, e.id(), e.owner, sku)

	for _, tt := range []struct {
		name, method, path, contentType, body string
		status                                int
		code                                  string
	}{
		{"not JSON", "POST", try, "application/json", held, 400, "invalid_argument"},
		{"a wrong type", "POST", try, "application/json", held + `, "ttl": {"seconds": 60}}`, 400, "invalid_argument"},
		{"a number that is none", "POST", try, "application/json", strings.Replace(held, `"quantity": 1`, `"quantity": 1.5`, 1) + `}`, 400, "invalid_argument"},
		{"a misspelled policy", "POST", try, "application/json", held + `, "on_expiry": "RELEASE"}`, 400, "invalid_argument"},
		{"10 MiB", "POST", try, "application/json", held + `, "reference": "` + strings.Repeat("x", 10<<20) + `"}`, 429, "resource_exhausted"},
		{"a GET", "GET", try, "application/json", "", 405, ""},
		{"a form", "POST", try, "application/x-www-form-urlencoded", "reservation_id=1", 415, ""},
		{"an unknown method", "POST", "/stockhold.v1.ReservationService/Take", "application/json", held + `}`, 404, ""},
		{"an unknown path", "POST", "/api/try", "application/json", held + `}`, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer, raw := do(tt.method, tt.path, tt.contentType, tt.body)
			require.Equal(t, tt.status, status, raw)
			if tt.code != "" {
				require.Equal(t, tt.code, answer["code"], raw)
				detail := answer["details"].([]any)[0].(map[string]any)
				require.Equal(t, "stockhold.v1.Refusal", detail["type"])
				require.NotContains(t, raw, "retryAfter", "a repeat does not help")
			}
			e.requireStock(t, sku, 5, 0, 0)
		})
	}
	// Fields of a later version do no harm, in either spelling of the names.
	status, answer, raw := do("POST", try, "application/json; charset=utf-8", held+`, "onExpiry": "ON_EXPIRY_RELEASE", "colour": {"of": ["tomorrow"]}}`)
	require.Equal(t, http.StatusOK, status, raw)
	require.Equal(t, "STATE_RESERVED", answer["reservation"].(map[string]any)["state"])
	e.requireStock(t, sku, 5, 1, 0)
}
