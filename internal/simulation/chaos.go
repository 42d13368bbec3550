package simulation

import (
	"fmt"
	"time"

	"stockhold/inventory"
)

// chaos breaks things until it is told to stop, and then mends all of them.
func (w *world) chaos(over func() bool) {
	for !over() {
		time.Sleep(time.Duration(w.drawn(4000)) * time.Millisecond)
		w.scheduler.wait("chaos", nil)
		if over() {
			break
		}
		switch w.random.IntN(14) {
		case 0, 1:
			i := w.random.IntN(w.size)
			w.kill(w.processes[i])
			w.replace(i)
			w.happened["a process died"]++
		case 2:
			w.befalls("the gate is wiped", len(w.redis.rows) > 0)
			w.redis.wipe()
		case 3:
			w.redis.save()
		case 4:
			w.befalls("the gate is reverted", w.redis.old != nil)
			w.redis.revert()
		case 5:
			w.redis.down = !w.redis.down
			w.befalls("the gate is away", w.redis.down)
		case 6:
			w.db.down = !w.db.down
			w.befalls("the ledger is away", w.db.down)
			w.breakAll()
		case 7:
			w.befalls("transactions are broken", len(w.db.open) > 0)
			w.breakAll()
		case 8:
			w.redis.skew = time.Duration(w.random.IntN(60)-30) * time.Second
		case 9:
			w.grab()
		case 10:
			key := inventory.Key{Location: "default", SKU: "A"}
			w.befalls("a row of the gate vanishes", w.redis.rows[key] != row{})
			delete(w.redis.rows, key)
		case 11:
			w.scheduler.wait("chaos waits for pending holds", func() bool { return len(w.redis.holds) > 1 || over() })
			w.befalls("pending holds vanish", len(w.redis.holds) > 1)
			w.redis.lose()
		case 12, 13:
			orders := w.inOrder()
			w.poison = orders[w.random.IntN(len(orders))].id
		}
	}
	w.scheduler.wait("chaos ends", nil)
	w.redis.down, w.db.down, w.redis.skew, w.poison = false, false, 0, inventory.HoldID{}
	w.scheduler.faults = 0
}

// befalls counts what goes wrong, if it meets anything.
func (w *world) befalls(what string, meets bool) {
	if meets {
		w.happened[what]++
	}
}

// drawn is a number drawn from the seed while it is nobody's turn: the only
// caller that does so between turns is chaos, so the order stays the same.
func (w *world) drawn(n int) int {
	w.scheduler.wait("chaos draws", nil)
	return w.random.IntN(n)
}

// breakAll breaks every connection to the database.
func (w *world) breakAll() {
	for t := range w.db.open {
		if !w.undecided(t) {
			w.db.end(t)
		}
	}
}

// grab lets a stranger lock a stock row for some seconds.
func (w *world) grab() {
	key := inventory.Key{Location: "default", SKU: "A"}
	if w.db.locks[stockRow(key)] != nil {
		return
	}
	w.happened["a stranger locks a row"]++
	stranger := &tx{db: w.db, process: w.processes[0], name: "stranger"}
	w.db.locks[stockRow(key)] = stranger
	until := time.Now().Add(time.Duration(w.random.IntN(6000)) * time.Millisecond)
	w.strangers.Go(func() {
		w.scheduler.wait("stranger lets go", func() bool { return !time.Now().Before(until) })
		w.db.end(stranger)
	})
}

// replace starts a process in the place of a dead one.
func (w *world) replace(i int) {
	dead := w.processes[i]
	w.graveyard = append(w.graveyard, dead)
	w.processes[i] = w.start(fmt.Sprintf("p%d.%d", i, w.started))
}
