package quota

import "sync"

// Seats counts calls under way under names. It is safe for concurrent use.
type Seats struct {
	mu    sync.Mutex
	taken map[string]int
}

// NewSeats has nobody in it.
func NewSeats() *Seats { return &Seats{taken: map[string]int{}} }

// Take takes a seat, which Leave gives back; false if as many as most are taken
// under the name already.
func (s *Seats) Take(name string, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[name] >= most {
		return false
	}
	s.taken[name]++
	return true
}

// Leave gives a seat back.
func (s *Seats) Leave(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[name]--; s.taken[name] <= 0 {
		delete(s.taken, name)
	}
}
