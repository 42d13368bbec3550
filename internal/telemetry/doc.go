// Package telemetry is how the process tells about itself: its metrics, its log
// and the build it was made from.
//
// The other packages speak to the OpenTelemetry API and to slog, and know
// nothing of who listens. This package installs the listeners: a meter provider
// whose readings /metrics serves in Prometheus's format, and a logger on
// standard error that the database drivers write to as well.
//
// Both belong to the process and not to one server in it. OpenTelemetry binds
// the instruments of a package to the first provider that is installed, for
// good, so [Install] works once; readings are only taken when somebody asks for
// them, so there is nothing to flush when a server stops.
package telemetry
