// Package limits measures the stores alone, without RPC and without stockhold:
// what the gate's script and the ledger's rows cost at least.
package limits

// Result is one bare limit.
type Result struct {
	Name      string  `json:"name"`
	About     string  `json:"about"`
	PerSecond float64 `json:"per_s"`
	Rows      int64   `json:"rows"` // that were there afterwards
}
