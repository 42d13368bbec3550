package config

import (
	"time"

	"stockhold/internal/client"
)

// Client is the server that commands call, and who they are to it.
type Client struct {
	Server    string        `name:"server" env:"STOCKHOLD_SERVER" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server that stock, hold, parked, resolve and gate call: http://HOST:PORT (HTTP/2 without TLS) or https://HOST:PORT."`
	TokenFile string        `name:"token-file" env:"STOCKHOLD_TOKEN_FILE" placeholder:"FILE" help:"File that holds a bearer token for that server."`
	ServerCA  string        `name:"server-ca" env:"STOCKHOLD_SERVER_CA" placeholder:"FILE" help:"PEM file of the authorities that may have signed that server's certificate. Empty: the system's."`
	Cert      string        `name:"client-cert" env:"STOCKHOLD_CLIENT_CERT" placeholder:"FILE" help:"PEM file of a certificate to show to that server."`
	Key       string        `name:"client-key" env:"STOCKHOLD_CLIENT_KEY" placeholder:"FILE" help:"PEM file of that certificate's key."`
	Timeout   time.Duration `name:"timeout" env:"STOCKHOLD_TIMEOUT" default:"30s" help:"Longest wait for one answer. Imports, listings and rebuilds repeat a call that cannot be answered now for so long."`
}

func (s Client) check(k *checker) {
	if err := client.CheckServer(s.Server); err != nil {
		k.fault("server", "is wrong: %v", err)
	}
	if (s.Cert == "") != (s.Key == "") {
		k.fault("client-cert", "and %s go together: one of them is not set", named("client-key"))
	}
	k.duration("timeout", s.Timeout, 10*time.Millisecond, time.Hour)
}

// Options are for package client.
func (s Client) Options(version string) client.Options {
	return client.Options{
		Server: s.Server, TokenFile: s.TokenFile, ServerCA: s.ServerCA, Cert: s.Cert, Key: s.Key, Version: version,
	}
}
