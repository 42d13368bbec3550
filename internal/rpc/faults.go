package rpc

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"stockhold/reservation"
)

// faults collects what is wrong with a message that only the wire can see. A
// message with faults does not reach the domain.
type faults []reservation.Violation

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, reservation.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
}

// refusal is nil when nothing was wrong.
func (f faults) refusal() error {
	if len(f) == 0 {
		return nil
	}
	return malformed(f)
}

func malformed(violations []reservation.Violation) *reservation.Refusal {
	return &reservation.Refusal{Reason: reservation.Invalid, Message: "malformed", Violations: violations}
}

// word translates an enum value strictly: what this version does not know is
// refused, never taken for the default.
func word[Wire interface {
	~int32
	fmt.Stringer
}, Domain any](f *faults, field string, value Wire, table map[Wire]Domain) Domain {
	translated, ok := table[value]
	if !ok {
		f.add(field, "is %s, which cannot be asked for", value)
	}
	return translated
}

// ttl reads how long to hold. Left out it is 0, the domain's word for the
// default; a zero that was written is no such thing.
func (f *faults) ttl(value *durationpb.Duration, limits reservation.Limits) time.Duration {
	if value == nil {
		return 0
	}
	if err := value.CheckValid(); err != nil {
		f.add("ttl", "is no duration: %d seconds and %d nanoseconds", value.GetSeconds(), value.GetNanos())
		return 0
	}
	ttl := value.AsDuration() // beyond 292 years it is 292 years, which no limit allows either
	if ttl.Truncate(time.Microsecond) == 0 {
		f.add("ttl", "is %s, must be %s to %s", ttl, limits.MinTTL, limits.MaxTTL)
	}
	return ttl
}

// moment reads a time. Left out it is the zero time; the zero time that was
// written is taken for the moment after it, which is as long ago.
func (f *faults) moment(field string, value *timestamppb.Timestamp) time.Time {
	if value == nil {
		return time.Time{}
	}
	if err := value.CheckValid(); err != nil {
		f.add(field, "is no time of the years 1 to 9999: %d seconds and %d nanoseconds", value.GetSeconds(), value.GetNanos())
		return time.Time{}
	}
	moment := value.AsTime()
	if moment.IsZero() {
		moment = moment.Add(time.Microsecond)
	}
	return moment
}
