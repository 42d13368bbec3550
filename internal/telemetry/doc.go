// Package telemetry is how the process tells about itself: its metrics, its
// traces, its log and the build it was made from.
//
// The other packages speak to the OpenTelemetry API, to package tracing and to
// slog, and know nothing of who listens. This package installs the listeners, as
// OpenTelemetry's own variables (OTEL_...) ask for them: a meter provider whose
// readings /metrics always serves in Prometheus's format, and which also sends them
// by OTLP when it is told to; a tracer provider, when traces are asked for; and a
// logger on standard error that the database drivers write to as well.
//
// All of it belongs to the process and not to one server in it. OpenTelemetry binds
// the instruments of a package to the first provider that is installed, for good,
// so [Install] works once. A server that stops flushes what has gathered; nothing
// is shut down before the process ends.
package telemetry
