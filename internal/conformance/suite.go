package conformance

import (
	"context"
	"slices"
	"sync"
	"testing"

	"stockhold/reservation"
)

// Server is a stockhold to be judged, with default limits and nothing but the
// suite at work on it.
type Server struct {
	URL string
	// Sweep hands operations to the ledger as the sweeper does. The suite lets
	// nothing expire by itself, so no sweeper may run.
	Sweep func(ctx context.Context, ops []*reservation.Operation) []reservation.Answer
	// Asks is an owner that has a decider. All others have none.
	Asks string
	// GateAway says that the ledger decides alone, so that refusals keep their
	// order exactly.
	GateAway bool
	// Clients are the names of those to use. Default all.
	Clients []string
}

// cases are the suite, in the order in which a newcomer may want to read it.
var cases = []struct {
	name string
	test func(t *testing.T, e *env)
}{
	{name: "StateTable", test: testStateTable},
	{name: "TryFillsInDefaults", test: testTryFillsInDefaults},
	{name: "TryMergesEqualLines", test: testTryMergesEqualLines},
	{name: "TryIsAllOrNothing", test: testTryIsAllOrNothing},
	{name: "TryOfTheLastUnitReplays", test: testTryOfTheLastUnitReplays},
	{name: "TryMaySucceedAfterARestock", test: testTryMaySucceedAfterARestock},
	{name: "TryAfterNotAfter", test: testTryAfterNotAfter},
	{name: "TryRefusalsKeepTheirOrder", test: testTryRefusalsKeepTheirOrder},
	{name: "CancelBeforeTry", test: testCancelBeforeTry},
	{name: "OwnersAreApart", test: testOwnersAreApart},
	{name: "NamesCompareByBytes", test: testNamesCompareByBytes},
	{name: "ExtendNeverShortens", test: testExtendNeverShortens},
	{name: "ExtendPutsOffExpiry", test: testExtendPutsOffExpiry},
	{name: "ExtendUnparks", test: testExtendUnparks},
	{name: "PastExpiryNothingChangesByItself", test: testPastExpiryNothingChangesByItself},
	{name: "ReserveAgainTakesOnce", test: testReserveAgainTakesOnce},
	{name: "ReserveAgainAfterTheRefund", test: testReserveAgainAfterTheRefund},
	{name: "WhoResolved", test: testWhoResolved},
	{name: "Limits", test: testLimits},
	{name: "LimitsOfLines", test: testLimitsOfLines},
	{name: "BodyTooLarge", test: testBodyTooLarge},
	{name: "BatchSizes", test: testBatchSizes},
	{name: "BatchOutcomes", test: testBatchOutcomes},
	{name: "BatchOfStock", test: testBatchOfStock},
	{name: "ConcurrentTrysNeverOversell", test: testConcurrentTrysNeverOversell},
	{name: "ConcurrentRepeatsHoldOnce", test: testConcurrentRepeatsHoldOnce},
	{name: "SetStock", test: testSetStock},
	{name: "SetStockExpectsWhatWasSeen", test: testSetStockExpectsWhatWasSeen},
	{name: "AdjustStock", test: testAdjustStock},
	{name: "AdjustmentIDs", test: testAdjustmentIDs},
	{name: "RecountBelowWhatIsHeld", test: testRecountBelowWhatIsHeld},
	{name: "FulfillIsNeverRefusedForStock", test: testFulfillIsNeverRefusedForStock},
	{name: "ListReservations", test: testListReservations},
	{name: "ListReservationsFilters", test: testListReservationsFilters},
	{name: "ListStock", test: testListStock},
	{name: "PageTokens", test: testPageTokens},
	{name: "RawHTTP", test: testRawHTTP},
}

// Run judges a server, through each kind of client.
//
// The clients are at work together, as in life: their calls share the ledger's
// batches. They are so by goroutines and not by t.Parallel, which would let only as
// many wait for the disk as there are processors.
func Run(t *testing.T, server Server) {
	var group sync.WaitGroup
	for _, client := range Clients(t, server.URL) {
		if len(server.Clients) > 0 && !slices.Contains(server.Clients, client.Name) {
			continue
		}
		group.Go(func() {
			t.Run(client.Name, func(t *testing.T) {
				for _, c := range cases {
					t.Run(c.name, func(t *testing.T) {
						e := newEnv(client, server)
						c.test(t, e)
						e.balance(t)
					})
				}
			})
		})
	}
	group.Wait()
}
