package rpc

import (
	"context"
	"fmt"
	"slices"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

// readiness answers the gRPC health service: for the process as a whole and for
// each service it is whether calls can be served.
type readiness struct {
	ready    func(context.Context) error
	services []string
}

// Check implements grpchealth.Checker.
func (r *readiness) Check(ctx context.Context, request *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if request.Service != "" && !slices.Contains(r.services, request.Service) {
		return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("no service %q here", request.Service))
	}
	if r.ready(ctx) != nil {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}
