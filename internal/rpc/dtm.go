package rpc

import "connectrpc.com/connect"

// A hold can be a branch of a TCC transaction of DTM (github.com/dtm-labs/dtm)
// without an adapter. DTM stores one payload and sends it to Try, Confirm and
// Cancel, which the protos allow for; it sends Confirm and Cancel over gRPC with a
// codec that it calls dtm_raw (see codecs); and it reads codes in its own way:
//
//	              gRPC                 JSON over HTTP
//	done          OK                   200
//	refused       ABORTED              409
//	still at it   FAILED_PRECONDITION  425
//	asked again   anything else        anything else
//
// Try is refused with FAILED_PRECONDITION, which DTM would take for a branch that
// is still at it. And a Confirm or Cancel must never be taken for refused: DTM has
// no answer to that but to ask for ever. So for calls that carry DTM's marks, and
// for no others, the codes below are exchanged; the Refusal stays as it is.

// isBranch recognizes DTM by what it adds to each call of a branch: metadata over
// gRPC, query parameters over HTTP.
func isBranch(request connect.AnyRequest) bool {
	if request.Header().Get("Dtm-Gid") != "" {
		return true
	}
	query := request.Peer().Query
	return query.Get("gid") != "" && query.Get("trans_type") != "" && query.Get("branch_id") != "" && query.Get("op") != ""
}

// branchCode is the code that tells DTM what a refusal means.
func branchCode(rpc string, code connect.Code) connect.Code {
	switch rpc {
	case "Try":
		switch code {
		case connect.CodeFailedPrecondition, connect.CodeNotFound, connect.CodeAlreadyExists, connect.CodeInvalidArgument:
			return connect.CodeAborted // the answer will not change: roll back
		}
	case "Confirm", "Cancel":
		switch code {
		case connect.CodeAborted, connect.CodeAlreadyExists:
			return connect.CodeUnknown // both are 409 over HTTP
		}
	}
	return code
}
