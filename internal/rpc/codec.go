package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/reservation"
)

// Connect answers a message that does not parse by itself, before any interceptor
// runs: without a typed refusal, uncounted, and in words that name Go types. So
// the codecs here do not fail on one. They leave an empty message with the reason
// in it, as an unknown field, and the innermost interceptor refuses it.

// codecs are all ways in which a message may be written: each content type ends
// in the name of one. DTM's gRPC driver calls protobuf dtm_raw.
func codecs() []connect.Codec {
	return []connect.Codec{
		binaryCodec{"proto"}, binaryCodec{"dtm_raw"},
		jsonCodec{"json"}, jsonCodec{"json; charset=utf-8"},
	}
}

// binaryCodec is protobuf's binary format.
type binaryCodec struct{ name string }

func (c binaryCodec) Name() string { return c.name }

func (c binaryCodec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend spares Connect a buffer.
func (binaryCodec) MarshalAppend(to []byte, message any) ([]byte, error) {
	m, err := protoMessage(message)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{}.MarshalAppend(to, m)
}

func (binaryCodec) Unmarshal(data []byte, message any) error {
	m, err := protoMessage(message)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return leaveFaults(m, faults{{Description: "is no message of this call: " + plain(err)}})
	}
	return nil
}

// jsonCodec is protobuf's JSON format. Fields that this version does not know are
// passed over, so that clients and servers need not be of one version, and one
// payload fits several calls; words that a known field may not have are refused,
// and so are unknown fields where a misspelled figure would be read as 0.
type jsonCodec struct{ name string }

func (c jsonCodec) Name() string { return c.name }

func (c jsonCodec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend spares Connect a buffer.
func (jsonCodec) MarshalAppend(to []byte, message any) ([]byte, error) {
	m, err := protoMessage(message)
	if err != nil {
		return nil, err
	}
	return protojson.MarshalOptions{}.MarshalAppend(to, m)
}

func (jsonCodec) Unmarshal(data []byte, message any) error {
	m, err := protoMessage(message)
	if err != nil {
		return err
	}
	if protojson.Unmarshal(data, m) == nil {
		return nil
	}
	lenient := protojson.UnmarshalOptions{DiscardUnknown: !setsFigures(m)}
	if err := lenient.Unmarshal(data, m); err != nil {
		return leaveFaults(m, faults{{Description: "is no JSON of this call: " + plain(err)}})
	}
	if f := unknownWords(data, m.ProtoReflect().Descriptor()); len(f) > 0 {
		return leaveFaults(m, f)
	}
	return nil
}

// setsFigures tells the calls that say how much there is.
func setsFigures(m proto.Message) bool {
	switch m.(type) {
	case *stockholdv1.SetStockRequest, *stockholdv1.AdjustStockRequest, *stockholdv1.BatchAdjustStockRequest:
		return true
	default:
		return false
	}
}

func protoMessage(message any) (proto.Message, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a protobuf message", message)
	}
	return m, nil
}

// plain takes the library's name and its odd spaces out of an error's text, and
// most of what that quotes of the message.
func plain(err error) string {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "proto:"))
	return strings.ToValidUTF8(text[:min(len(text), 200)], "?")
}

// faultsField is where the codecs leave faults: the last field number there is. A
// client that sends one itself is refused for it, which harms nobody else.
const faultsField = protowire.MaxValidNumber

// leaveFaults empties a message and puts into it what was wrong with it.
func leaveFaults(m proto.Message, f faults) error {
	refusal, err := proto.Marshal(&stockholdv1.Refusal{Violations: violationsToWire(f)})
	if err != nil {
		return fmt.Errorf("describe a malformed message: %w", err)
	}
	proto.Reset(m)
	m.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, faultsField, protowire.BytesType), refusal))
	return nil
}

// takeFaults reads what leaveFaults wrote: it is the message's first unknown field.
func takeFaults(m proto.Message) (*stockholdv1.Refusal, bool) {
	unknown := m.ProtoReflect().GetUnknown()
	if len(unknown) == 0 {
		return nil, false
	}
	number, kind, n := protowire.ConsumeTag(unknown)
	if number != faultsField || kind != protowire.BytesType {
		return nil, false
	}
	content, size := protowire.ConsumeBytes(unknown[n:])
	refusal := &stockholdv1.Refusal{}
	if size < 0 || proto.Unmarshal(content, refusal) != nil {
		return nil, false
	}
	return refusal, true
}

var errNoMessage = errors.New("a request without a protobuf message")

// refuseMalformed is the innermost interceptor: what the codecs could not read
// does not reach a handler.
func refuseMalformed(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		message, ok := request.Any().(proto.Message)
		if !ok {
			return nil, errNoMessage
		}
		if left, ok := takeFaults(message); ok {
			var violations []reservation.Violation
			for _, v := range left.GetViolations() {
				violations = append(violations, reservation.Violation{Field: v.GetField(), Description: v.GetDescription()})
			}
			return nil, malformed(violations)
		}
		return next(ctx, request)
	}
}
