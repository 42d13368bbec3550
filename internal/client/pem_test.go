package client_test

import (
	"encoding/pem"
	"net/http/httptest"
)

// pemOf is a test server's own certificate, which is its authority, too.
func pemOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}
