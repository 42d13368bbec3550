package demo

import (
	"context"
	"errors"
	"sync"
)

// courier carries the messages of one order over a bad network: some get lost on
// the way, some of the answers do, and some arrive twice.
type courier struct {
	wire   *wire
	flying sync.WaitGroup // second copies under way
	later  []message      // second copies that are still to come
	mu     sync.Mutex
	err    error // the first trouble of a second copy
}

// deliver sends a message and returns what the shop gets to see of the answer.
func (c *courier) deliver(ctx context.Context, m message, d delivery) (answer, error) {
	if d.loss == requestLost {
		c.wire.tally.count(func() { c.wire.tally.lost[m.call]++ })
		return answer{kind: nothing}, nil
	}
	a, err := c.carry(ctx, m, d.copies)
	if err == nil && d.loss == answerLost {
		c.wire.tally.count(func() { c.wire.tally.dropped[m.call]++ })
		return answer{kind: nothing}, nil
	}
	return a, err
}

// insist is for calls about which nobody will ask: it sends again what was lost,
// until there is an answer.
func (c *courier) insist(ctx context.Context, m message, d delivery) (answer, error) {
	a, err := c.deliver(ctx, m, d)
	if err != nil || a.kind != nothing {
		return a, err
	}
	return c.deliver(ctx, m, delivery{})
}

// carry sends a message as often as the network pleases. Of two copies that are
// sent at once, the answer that is back first is the one that counts.
func (c *courier) carry(ctx context.Context, m message, n copies) (answer, error) {
	if n == once {
		return c.wire.send(ctx, m)
	}
	c.wire.tally.count(func() { c.wire.tally.doubled++ })
	if n == twiceLater {
		c.later = append(c.later, m)
		return c.wire.send(ctx, m)
	}
	type result struct {
		answer answer
		err    error
	}
	results := make(chan result, 2)
	for range 2 {
		c.flying.Go(func() {
			a, err := c.wire.send(ctx, m)
			c.trouble(err)
			results <- result{a, err}
		})
	}
	first := <-results
	return first.answer, first.err
}

func (c *courier) trouble(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// finish delivers the copies that come late, and waits for those under way. What
// they are answered, nobody sees.
func (c *courier) finish(ctx context.Context) error {
	var err error
	for _, m := range c.later {
		_, sendErr := c.wire.send(ctx, m)
		err = errors.Join(err, sendErr)
	}
	c.later = nil
	c.flying.Wait()
	return errors.Join(err, c.err)
}
