package access

import (
	"fmt"
	"slices"
	"strings"

	"stockhold/gen/stockhold/v1/stockholdv1connect"
)

// Role is what kinds of calls a caller may make.
type Role uint8

// The roles. A caller may have several.
const (
	Orders   Role = 1 << iota // holds, and what becomes of them, for its owners
	Stock                     // how much there is
	Reader                    // looks: at its owners' reservations, and at stock
	Operator                  // acts on and looks at everybody's reservations; no holds of its own
)

var roleNames = map[string]Role{"orders": Orders, "stock": Stock, "reader": Reader, "operator": Operator}

func (r Role) String() string {
	var names []string
	for name, role := range roleNames {
		if r&role != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// UnmarshalText reads one role by its name.
func (r *Role) UnmarshalText(text []byte) error {
	role, ok := roleNames[string(text)]
	if !ok {
		return fmt.Errorf("there is no role %q: want orders, stock, reader or operator", text)
	}
	*r = role
	return nil
}

// Paths that are no call of a service of ours.
const (
	Metrics         = "/metrics"
	reflectionV1    = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	reflectionAlpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
)

const anyRole = Orders | Stock | Reader | Operator

// permissions is who may call what: any one of the roles is enough. Whether the
// caller may speak for the owner that a call names is another question.
var permissions = map[string]Role{
	stockholdv1connect.ReservationServiceTryProcedure:              Orders,
	stockholdv1connect.ReservationServiceConfirmProcedure:          Orders,
	stockholdv1connect.ReservationServiceCancelProcedure:           Orders,
	stockholdv1connect.ReservationServiceExtendProcedure:           Orders,
	stockholdv1connect.ReservationServiceFulfillProcedure:          Orders,
	stockholdv1connect.ReservationServiceReturnProcedure:           Orders,
	stockholdv1connect.ReservationServiceBatchTryProcedure:         Orders,
	stockholdv1connect.ReservationServiceBatchConfirmProcedure:     Orders,
	stockholdv1connect.ReservationServiceBatchCancelProcedure:      Orders,
	stockholdv1connect.ReservationServiceGetReservationProcedure:   Orders | Reader | Operator,
	stockholdv1connect.ReservationServiceListReservationsProcedure: Orders | Reader | Operator,

	stockholdv1connect.InventoryServiceSetStockProcedure:         Stock,
	stockholdv1connect.InventoryServiceAdjustStockProcedure:      Stock,
	stockholdv1connect.InventoryServiceBatchAdjustStockProcedure: Stock,
	stockholdv1connect.InventoryServiceGetStockProcedure:         Stock | Reader | Operator,
	stockholdv1connect.InventoryServiceListStockProcedure:        Stock | Reader | Operator,

	stockholdv1connect.OperatorServiceListParkedProcedure:  Operator,
	stockholdv1connect.OperatorServiceResolveProcedure:     Operator,
	stockholdv1connect.OperatorServiceRebuildGateProcedure: Operator,

	// stockhold asks deciders; it is none.
	stockholdv1connect.DecisionServiceDecideProcedure: 0,

	reflectionV1:    anyRole, // the shape of calls is no secret among callers
	reflectionAlpha: anyRole,
	Metrics:         Reader | Operator, // and for all owners: their names are in it
}

// needsAllOwners are the paths that show something of every owner.
var needsAllOwners = map[string]bool{Metrics: true}
