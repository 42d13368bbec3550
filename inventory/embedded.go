package inventory

import (
	"crypto/rand"
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// OpenEmbedded starts a Redis inside this process and a gate in front of it, for
// development, tests and small installations: the same scripts run, some ten
// times slower, and nothing outlives the process. It listens on the loopback
// interface, on a free port, behind a password that nobody else learns.
func OpenEmbedded(options Options) (*Gate, error) {
	options = options.withDefaults(embeddedTimeout)
	password := rand.Text()
	server := miniredis.NewMiniRedis()
	server.RequireAuth(password)
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the embedded redis: %w", err)
	}
	client, err := connect("redis://:"+password+"@"+server.Addr(), options.Timeout)
	if err != nil {
		server.Close()
		return nil, fmt.Errorf("connect to the embedded redis: %w", err)
	}
	return newGate(client, newPlainScripts(), options, server.Close)
}
