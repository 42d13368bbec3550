package tracing

import "go.opentelemetry.io/otel/trace"

// Kind is one kind of span.
type Kind struct {
	Name  string
	Role  trace.SpanKind
	Means string // for the documentation
	Links string // for the documentation: what it links to
}

// The kinds of spans that this program makes itself.
var (
	Batch = Kind{"ledger.batch", trace.SpanKindClient, "One transaction of the ledger, from BEGIN to the reply to COMMIT.",
		"The calls in it; of a sweeper's page, the Trys of its holds."}
	Freeze  = Kind{"gate.freeze", trace.SpanKindClient, "One run of the script that freezes holds.", "The Trys in it."}
	Settle  = Kind{"gate.settle", trace.SpanKindClient, "One run of the script that settles holds and sends views.", "The transactions that it tells of."}
	Drop    = Kind{"gate.drop", trace.SpanKindClient, "One run of the script that drops rows that contradict the ledger.", ""}
	Reclaim = Kind{"gate.reclaim", trace.SpanKindClient, "One run of the script that frees units which are pending for no hold.", ""}
	Pass    = Kind{"sweeper.pass", trace.SpanKindInternal, "One pass of a sweeper. It begins a trace.", ""}
	Check   = Kind{"sweeper.check_back", trace.SpanKindInternal, "One request to an owner's decider. The span of the RPC is inside.", "The Trys of the holds that it asks about."}
)

// Kinds lists them all, for the documentation.
func Kinds() []Kind { return []Kind{Batch, Freeze, Settle, Drop, Reclaim, Pass, Check} }
