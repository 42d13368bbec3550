package access

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "stockhold/gen/stockhold/v1"
	"stockhold/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// procedures are those of all services of the wire contract, whatever file they are in.
func procedures() []string {
	var all []string
	protoregistry.GlobalFiles.RangeFilesByPackage("stockhold.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				all = append(all, "/"+string(service.FullName())+"/"+string(service.Methods().Get(j).Name()))
			}
		}
		return true
	})
	return all
}

// A procedure that somebody adds is made by nobody until it is in the table.
func TestEveryProcedureIsInTheTable(t *testing.T) {
	all := procedures()
	require.Greater(t, len(all), 16)
	for _, procedure := range all {
		require.Contains(t, permissions, procedure, "who may call it?")
	}
	for path := range permissions {
		if strings.HasPrefix(path, "/stockhold.v1.") {
			require.Contains(t, all, path, "it is not there any more")
		}
	}
	mighty := &Caller{Name: "root", roles: anyRole, allOwners: true}
	require.NoError(t, mighty.may("/stockhold.v1.ReservationService/Try"))
	for _, path := range []string{"/stockhold.v1.ReservationService/New", "/stockhold.v1.ReservationService/Try/", "/stockhold.v1.reservationservice/try", "/", ""} {
		require.ErrorIs(t, mighty.may(path), ErrDenied, path)
	}
}

// What each role may do, in whole: the rest is denied.
func TestRoles(t *testing.T) {
	const reservations, inventory, operators = "/stockhold.v1.ReservationService/", "/stockhold.v1.InventoryService/", "/stockhold.v1.OperatorService/"
	reflection := []string{reflectionV1, reflectionAlpha}
	reads := append([]string{reservations + "GetReservation", reservations + "ListReservations", inventory + "GetStock", inventory + "ListStock"}, reflection...)
	for role, allowed := range map[Role][]string{
		Orders: append([]string{
			reservations + "Try", reservations + "Confirm", reservations + "Cancel", reservations + "Extend", reservations + "Fulfill", reservations + "Return",
			reservations + "BatchTry", reservations + "BatchConfirm", reservations + "BatchCancel", reservations + "GetReservation", reservations + "ListReservations",
		}, reflection...),
		Stock:    append([]string{inventory + "SetStock", inventory + "AdjustStock", inventory + "BatchAdjustStock", inventory + "GetStock", inventory + "ListStock"}, reflection...),
		Reader:   reads,
		Operator: append([]string{Metrics, operators + "ListParked", operators + "Resolve", operators + "RebuildGate"}, reads...),
	} {
		t.Run(role.String(), func(t *testing.T) {
			c := &Caller{Name: "somebody", roles: role}
			var may []string
			for path := range permissions {
				if err := c.may(path); err == nil {
					may = append(may, path)
				} else {
					require.ErrorIs(t, err, ErrDenied)
				}
			}
			require.ElementsMatch(t, allowed, may)
		})
	}
	everything := &Caller{Name: "prometheus", roles: Reader, allOwners: true}
	require.NoError(t, everything.may(Metrics))
}

func TestOwners(t *testing.T) {
	shop := &Caller{roles: Orders | Reader, owners: map[string]struct{}{"shop-a": {}}}
	require.True(t, shop.Acts("shop-a"))
	require.True(t, shop.Reads("shop-a"))
	for _, owner := range []string{"shop-b", "", "default", "*", "SHOP-A", "shop-a "} {
		require.False(t, shop.Acts(owner), owner)
		require.False(t, shop.Reads(owner), owner)
	}
	operator := &Caller{roles: Operator | Orders, owners: map[string]struct{}{"shop-a": {}}}
	require.True(t, operator.Reads("shop-b"))
	require.False(t, operator.Acts("shop-b"), "an operator has the operator's calls for that")
	require.True(t, (&Caller{allOwners: true}).Acts("anybody"))

	nobody := CallerOf(t.Context())
	require.False(t, nobody.Acts("default"))
	require.False(t, nobody.Reads("default"))
	require.Same(t, shop, CallerOf(WithCaller(t.Context(), shop)))
}
