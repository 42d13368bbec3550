package rpc

import (
	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/reservation"
)

// The words of the wire and of the domain, side by side. They are spelled out
// both ways, so that neither side can renumber its own without the other's
// knowledge, and a number that a table does not have is nothing.

var statesToWire = []stockholdv1.State{
	reservation.Reserved:  stockholdv1.State_STATE_RESERVED,
	reservation.Confirmed: stockholdv1.State_STATE_CONFIRMED,
	reservation.Canceled:  stockholdv1.State_STATE_CANCELED,
	reservation.Expired:   stockholdv1.State_STATE_EXPIRED,
	reservation.Fulfilled: stockholdv1.State_STATE_FULFILLED,
	reservation.Returned:  stockholdv1.State_STATE_RETURNED,
}

var statesFromWire = map[stockholdv1.State]reservation.State{
	stockholdv1.State_STATE_RESERVED:  reservation.Reserved,
	stockholdv1.State_STATE_CONFIRMED: reservation.Confirmed,
	stockholdv1.State_STATE_CANCELED:  reservation.Canceled,
	stockholdv1.State_STATE_EXPIRED:   reservation.Expired,
	stockholdv1.State_STATE_FULFILLED: reservation.Fulfilled,
	stockholdv1.State_STATE_RETURNED:  reservation.Returned,
}

var expiriesToWire = []stockholdv1.OnExpiry{
	reservation.DefaultExpiry:   stockholdv1.OnExpiry_ON_EXPIRY_UNSPECIFIED, // a tombstone
	reservation.AskOwner:        stockholdv1.OnExpiry_ON_EXPIRY_ASK,
	reservation.ReleaseOnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_RELEASE,
	reservation.ConfirmOnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_CONFIRM,
}

var expiriesFromWire = map[stockholdv1.OnExpiry]reservation.OnExpiry{
	stockholdv1.OnExpiry_ON_EXPIRY_UNSPECIFIED: reservation.DefaultExpiry,
	stockholdv1.OnExpiry_ON_EXPIRY_ASK:         reservation.AskOwner,
	stockholdv1.OnExpiry_ON_EXPIRY_RELEASE:     reservation.ReleaseOnExpiry,
	stockholdv1.OnExpiry_ON_EXPIRY_CONFIRM:     reservation.ConfirmOnExpiry,
}

var resolversToWire = []stockholdv1.ResolvedBy{
	reservation.Nobody:      stockholdv1.ResolvedBy_RESOLVED_BY_UNSPECIFIED,
	reservation.ByCaller:    stockholdv1.ResolvedBy_RESOLVED_BY_CALLER,
	reservation.ByCheckBack: stockholdv1.ResolvedBy_RESOLVED_BY_CHECK_BACK,
	reservation.ByPolicy:    stockholdv1.ResolvedBy_RESOLVED_BY_POLICY,
	reservation.ByOperator:  stockholdv1.ResolvedBy_RESOLVED_BY_OPERATOR,
}

// confirmsFromWire: what a late Confirm may do is two calls of the state table.
var confirmsFromWire = map[stockholdv1.IfReleased]reservation.Call{
	stockholdv1.IfReleased_IF_RELEASED_UNSPECIFIED:   reservation.Confirm,
	stockholdv1.IfReleased_IF_RELEASED_RESERVE_AGAIN: reservation.ConfirmAny,
}
