// Package rpc is the edge: it puts the calls of the wire contract (package
// stockholdv1) to the domain and the domain's answers back on the wire, over
// Connect, gRPC, gRPC-Web and plain JSON POST alike.
//
// It decides nothing about stock. What it owns is the wire's side of a call:
//
//   - what a well-formed message is, as far as only the wire can tell: unknown
//     enum values, impossible durations, a ttl of zero against one left out. Such
//     calls are refused here, field by field; every other limit is the domain's.
//   - how an answer that is not OK looks: one table (errors.go) gives every error
//     its code and its typed Refusal. Nothing of a driver, an address or a stack
//     reaches a caller; what is nobody's business leaves as INTERNAL with an id,
//     and the log holds the rest under that id.
//   - page tokens, the size of bodies, the counting and timing of calls, and the
//     few differences that make a hold a branch of a DTM transaction (dtm.go).
//   - who may call, where that matters (admission.go), for whom (guarded.go) and how
//     much (metered.go); packages access and quota know the rules.
//
// A call passes: admission.go (who), door.go (room), body.go (size), codec.go
// (decoding), boundary.go (panics, error table, metrics), the services, and
// requests.go and responses.go on its way in and out.
package rpc
