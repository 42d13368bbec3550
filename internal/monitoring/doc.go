// Package monitoring keeps what watches over stockhold true to what stockhold
// exports: the dashboard (deploy/grafana), the alerts (deploy/prometheus), their
// runbook (docs/operations.md) and the list of metrics and spans
// (docs/telemetry.md).
//
// The dashboard is written down here, in Go, and its JSON is generated:
//
//	go test ./internal/monitoring -update
//
// That also writes the tables of docs/telemetry.md, from what a running server
// exports. The tests run the program, have everything happen to it that is counted
// or traced, and then look for every series that a panel or an alert names. The
// alerts are tried by promtool, of Debian's package prometheus.
package monitoring
