package demo

import "context"

// RunFalsified makes a demonstration, and has a test write something untrue into
// the books of the order service, just before they are compared.
func RunFalsified(ctx context.Context, opts Options, falsify func(Books)) (Result, error) {
	r := newRun(opts)
	r.before = func() { falsify(Books{r.books}) }
	return r.start(ctx)
}

// Books are the order service's, open to tests.
type Books struct{ books *books }

// AddToShelf makes the books believe in more units than there are.
func (b Books) AddToShelf(units int64) {
	for _, shelf := range b.books.shelves {
		shelf.onHand += units
		return
	}
}

// SellAborted makes the books believe that one aborted order was sold.
func (b Books) SellAborted() {
	for _, account := range b.books.orders {
		if account.word == aborted {
			account.word = committed
			return
		}
	}
}
