package architecture

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// What the wire contract promises beyond what protoc and the linter see.

var contract = []protoreflect.FileDescriptor{
	stockholdv1.File_stockhold_v1_decision_service_proto,
	stockholdv1.File_stockhold_v1_inventory_service_proto,
	stockholdv1.File_stockhold_v1_operator_service_proto,
	stockholdv1.File_stockhold_v1_refusal_proto,
	stockholdv1.File_stockhold_v1_reservation_proto,
	stockholdv1.File_stockhold_v1_reservation_service_proto,
	stockholdv1.File_stockhold_v1_stock_proto,
}

// A coordinator that stores one payload sends the bytes of Try to all three.
func TestTryPayloadIsConfirmAndCancel(t *testing.T) {
	payload, err := proto.Marshal(&stockholdv1.TryRequest{
		ReservationId: "order-1",
		Owner:         "orders",
		Lines:         []*stockholdv1.Line{{Sku: "mug", LocationId: "berlin", Quantity: 2}},
		Ttl:           durationpb.New(time.Minute),
		OnExpiry:      stockholdv1.OnExpiry_ON_EXPIRY_ASK,
		Reference:     "cart 7",
		NotAfter:      timestamppb.Now(),
	})
	require.NoError(t, err)

	confirm := &stockholdv1.ConfirmRequest{}
	require.NoError(t, proto.Unmarshal(payload, confirm))
	confirm.ProtoReflect().SetUnknown(nil)
	require.True(t, proto.Equal(&stockholdv1.ConfirmRequest{ReservationId: "order-1", Owner: "orders"}, confirm), confirm)

	cancel := &stockholdv1.CancelRequest{}
	require.NoError(t, proto.Unmarshal(payload, cancel))
	cancel.ProtoReflect().SetUnknown(nil)
	require.True(t, proto.Equal(&stockholdv1.CancelRequest{ReservationId: "order-1", Owner: "orders"}, cancel), cancel)

	// No field that Try has, or may get below 16, can ever mean another thing there.
	for _, m := range []proto.Message{confirm, cancel} {
		descriptor := m.ProtoReflect().Descriptor()
		for number := protoreflect.FieldNumber(3); number < 16; number++ {
			require.True(t, descriptor.ReservedRanges().Has(number), "%s: %d is not reserved", descriptor.Name(), number)
		}
	}
	require.False(t, hasFieldFrom(stockholdv1.File_stockhold_v1_reservation_service_proto, "TryRequest", 16),
		"a field of TryRequest at 16 or above would be read as another one by Confirm or Cancel")
}

// Coordinators exist that read a body with these words in it, success or not,
// as a branch that failed or is still at work.
func TestNamesDoNotReadAsFailure(t *testing.T) {
	for _, file := range contract {
		for i := range file.Enums().Len() {
			values := file.Enums().Get(i).Values()
			for j := range values.Len() {
				name := string(values.Get(j).Name())
				require.NotContains(t, name, "FAILURE")
				require.NotContains(t, name, "ONGOING")
			}
		}
	}
}

// Anyone with buf or protoc can generate a client, without a registry.
func TestContractImportsOnlyWellKnownTypes(t *testing.T) {
	for _, file := range contract {
		for i := range file.Imports().Len() {
			imported := file.Imports().Get(i).Path()
			require.True(t, strings.HasPrefix(imported, "google/protobuf/") || strings.HasPrefix(imported, "stockhold/v1/"),
				"%s imports %s", file.Path(), imported)
		}
	}
}

func hasFieldFrom(file protoreflect.FileDescriptor, message protoreflect.Name, number protoreflect.FieldNumber) bool {
	fields := file.Messages().ByName(message).Fields()
	for i := range fields.Len() {
		if fields.Get(i).Number() >= number {
			return true
		}
	}
	return false
}
