package app

import (
	"cmp"
	"fmt"
	"net"
	"strings"

	"stockhold/internal/config"
	"stockhold/internal/telemetry"
)

// announce says where the server listens and what it keeps things in.
func (a *App) announce() {
	stores := a.cfg.Stores
	a.log.Info("serving",
		"address", a.Addr(),
		"ledger", a.ledger.Kind()+" "+a.ledger.Where(),
		"gate", gateName(stores),
		"sweeper", a.cfg.Sweeper.Enabled,
		"deciders", a.cfg.Sweeper.Deciders.Owners(),
		"tls", a.cfg.Security.Secured(),
		"callers", callersName(a.cfg.Security),
		"metrics", cmp.Or(a.AdminAddr(), a.Addr()),
		"version", telemetry.ReadBuild().Version,
	)
	if !stores.Embedded() && stores.RedisURL == "" {
		a.log.Info("each server has a gate of its own: right, and slower than one Redis that they share (set --redis-url)")
	}
	if a.banner != nil && !a.cfg.Security.Secured() && !a.cfg.Security.Known() { // the calls in it would be refused
		_, _ = fmt.Fprint(a.banner, welcome(a.Addr(), a.ledgerForPeople(), gateName(stores))) // nobody reads along
	}
}

// callersName says for logs how callers are known.
func callersName(cfg config.Security) string {
	switch {
	case !cfg.Known():
		return "anybody"
	case cfg.TLSClientCA != "" && cfg.Tokens():
		return "by certificate or token"
	case cfg.Tokens():
		return "by token"
	}
	return "by certificate"
}

func (a *App) ledgerForPeople() string {
	if a.cfg.Stores.Embedded() {
		return "embedded, in " + a.cfg.Stores.Data + " (for production set STOCKHOLD_MYSQL_DSN and STOCKHOLD_REDIS_URL)"
	}
	return "MySQL at " + a.ledger.Where()
}

// welcome is what a person who starts a server for the first time needs next.
func welcome(address, ledger, gate string) string {
	const text = `
stockhold listens on http://ADDRESS
  ledger   LEDGER
  gate     GATE
  metrics  http://ADDRESS/metrics

Put ten mugs on the shelf, hold two of them for an order, and take them:

  curl -H 'Content-Type: application/json' http://ADDRESS/stockhold.v1.InventoryService/SetStock \
    -d '{"sku":"mug","onHand":10}'
  curl -H 'Content-Type: application/json' http://ADDRESS/stockhold.v1.ReservationService/Try \
    -d '{"reservationId":"mug-order-1","lines":[{"sku":"mug","quantity":2}]}'
  curl -H 'Content-Type: application/json' http://ADDRESS/stockhold.v1.ReservationService/Confirm \
    -d '{"reservationId":"mug-order-1"}'

Ctrl-C stops it; a second one does not wait for calls under way.

`
	return strings.NewReplacer("ADDRESS", reachable(address), "LEDGER", ledger, "GATE", gate).Replace(text)
}

// reachable is an address that a program on this machine can call: a server that
// listens everywhere is also here.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
