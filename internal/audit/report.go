package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stockhold/reservation"
)

// Report is what an audit found.
type Report struct {
	// Complete is false when the audit ended early, with an error: then what is
	// not in the report may still be wrong.
	Complete bool           `json:"complete"`
	Ledger   LedgerExamined `json:"ledger"`
	Gate     GateExamined   `json:"gate"`
	// Findings are the kinds of which there is at least one, the grave ones first.
	Findings []Finding `json:"findings"`

	show int
}

// LedgerExamined is how much of the ledger was read.
type LedgerExamined struct {
	Stocks       int64 `json:"stock_rows"`
	Reservations int64 `json:"reservations"`
	Lines        int64 `json:"lines"`
}

// GateExamined is how much of the gate was read.
type GateExamined struct {
	// Judged is false when the gate was not read to its end; Reason says why.
	Judged bool   `json:"judged"`
	Reason string `json:"reason,omitempty"`
	// Unreadable is set when that is because it did not answer, or not with
	// sense; not when it is inside another process.
	Unreadable bool `json:"unreadable"`
	// Rows are those that were compared, NotLoaded those that hold no view,
	// which is no difference. Redis may list a row twice.
	Rows      int64 `json:"rows"`
	NotLoaded int64 `json:"not_loaded"`
	// LookedAgain is how many differed at the first look; most are work in flight.
	LookedAgain int64 `json:"looked_again"`
}

// Finding is all differences of one kind.
type Finding struct {
	Kind  Kind  `json:"kind"`
	Level Level `json:"level"`
	// Total counts also the differences that are not listed.
	Total int64 `json:"total"`
	// AtLeast says that there may be more than Total.
	AtLeast     bool         `json:"at_least,omitempty"`
	Meaning     string       `json:"meaning"`
	Remedy      string       `json:"remedy"`
	Differences []Difference `json:"differences"` // the first ones
}

// Difference is one thing that is not as it should be. The fields that name it
// are set as far as they apply.
type Difference struct {
	Location       string `json:"location_id,omitempty"`
	SKU            string `json:"sku,omitempty"`
	Owner          string `json:"owner,omitempty"`
	ReservationID  string `json:"reservation_id,omitempty"`
	ReservationKey int64  `json:"rkey,omitempty,string"` // the ledger's own key of the reservation
	Expected       string `json:"expected"`
	Found          string `json:"found"`
}

// Key names what differs, for people.
func (d Difference) Key() string {
	var parts []string
	if d.SKU != "" || d.Location != "" {
		parts = append(parts, d.Location+"/"+d.SKU)
	}
	if d.ReservationID != "" {
		parts = append(parts, d.Owner+"/"+d.ReservationID)
	}
	if d.ReservationKey != 0 {
		parts = append(parts, "rkey "+strconv.FormatInt(d.ReservationKey, 10))
	}
	return strings.Join(parts, ", ")
}

func newReport(show int) Report { return Report{Findings: []Finding{}, show: show} }

// add counts a difference, and keeps the first of each kind.
func (r *Report) add(kind Kind, d Difference) {
	f := r.finding(kind)
	f.Total++
	if len(f.Differences) < r.show {
		f.Differences = append(f.Differences, d)
	}
}

// finding returns the one of a kind, made in its place if need be.
func (r *Report) finding(kind Kind) *Finding {
	rank := func(kind Kind) int { return slices.IndexFunc(texts, func(t text) bool { return t.kind == kind }) }
	at, found := slices.BinarySearchFunc(r.Findings, kind, func(f Finding, kind Kind) int { return rank(f.Kind) - rank(kind) })
	if !found {
		t := texts[rank(kind)]
		r.Findings = slices.Insert(r.Findings, at, Finding{Kind: kind, Level: t.level, Meaning: t.meaning, Remedy: t.remedy})
	}
	return &r.Findings[at]
}

func (r *Report) has(kind Kind) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Kind == kind })
}

// Count returns how many differences of a level there are, at least.
func (r Report) Count(level Level) int64 {
	var total int64
	for _, f := range r.Findings {
		if f.Level == level {
			total += f.Total
		}
	}
	return total
}

// Why an audit is not passed.
var (
	ErrIncomplete    = errors.New("the audit did not come to its end")
	ErrContradiction = errors.New("the ledger contradicts itself")
	ErrGate          = errors.New("the gate differs from the ledger, or could not be read")
)

// Err tells whether a command that made this audit should fail: nil unless the
// ledger contradicts itself or, if strict, the gate differs from it or was not
// there to be asked. Notes do not count, nor does a gate that is inside another
// process.
func (r Report) Err(strict bool) error {
	switch {
	case r.Count(Contradiction) > 0:
		return fmt.Errorf("%w: %s", ErrContradiction, units(r.Count(Contradiction), "difference"))
	case !r.Complete:
		return ErrIncomplete
	case strict && r.Count(GateDiffers) > 0:
		return fmt.Errorf("%w: %s", ErrGate, units(r.Count(GateDiffers), "difference"))
	case strict && r.Gate.Unreadable:
		return fmt.Errorf("%w: %s", ErrGate, r.Gate.Reason)
	}
	return nil
}

func units(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.FormatInt(n, 10) + " " + what
}

func digits(f reservation.Fingerprint) string { return hex.EncodeToString(f[:]) }
