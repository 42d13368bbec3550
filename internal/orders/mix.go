package orders

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"
)

// MixOptions shape a mix. Zero fields take the defaults.
type MixOptions struct {
	Sales int    // how many; default 2,000
	SKUs  int    // different ones on offer; default 400
	Seed  uint64 // the same options make the same mix, event for event
}

// Mix is made-up trade in the likeness of a gift shop's: a few skus that
// everybody wants and many that hardly anybody does, baskets and quantities with
// long tails, a sku named twice in an order now and then; one sale in twelve is
// canceled, mostly in part and days later, sometimes whole and at once; now and
// then something is written off.
type Mix struct {
	opts    MixOptions
	random  *rand.Rand
	popular *rand.Zipf
	now     time.Time
	sales   int
	others  int // cancellations and write-offs so far: their numbers
	line    int
	recent  []Event // sales that may yet be canceled, oldest first
	ready   []Event
}

// What the likeness is made of. The basket of the UCI data is 15 lines in the
// median; this one is smaller, so that a demonstration is short.
const (
	medianLines    = 6.0
	spreadLines    = 0.9 // of the logarithm, as below
	mostLines      = 120
	medianQuantity = 3.0
	spreadQuantity = 1.4
	mostQuantity   = 5000
	meanPause      = 20 * time.Minute // between two sales
	cancelOneIn    = 12
	cancelWhole    = 0.25 // of the cancellations; the rest is partial
	writeOffOneIn  = 40
	maxRecent      = 200
	customers      = 300
)

var firstSale = time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC)

// NewMix begins a mix.
func NewMix(opts MixOptions) *Mix {
	if opts.Sales == 0 {
		opts.Sales = 2000
	}
	if opts.SKUs == 0 {
		opts.SKUs = 400
	}
	random := rand.New(rand.NewPCG(opts.Seed, 0x5eed))
	return &Mix{
		opts: opts, random: random, now: firstSale,
		popular: rand.NewZipf(random, 1.2, 8, uint64(opts.SKUs-1)),
	}
}

// Next is the next event, or io.EOF.
func (m *Mix) Next() (Event, error) {
	if len(m.ready) == 0 {
		if m.sales == m.opts.Sales {
			return Event{}, io.EOF
		}
		m.trade()
	}
	event := m.ready[0]
	m.ready = m.ready[1:]
	return event, nil
}

// trade makes one sale, and what else happens before the next.
func (m *Mix) trade() {
	m.now = m.now.Add(time.Duration(m.random.ExpFloat64() * float64(meanPause)).Truncate(time.Second))
	m.sales++
	sale := Event{
		Kind: Sale, Invoice: fmt.Sprintf("%06d", m.sales), At: m.now,
		Customer: fmt.Sprintf("%05d", 10_000+m.random.IntN(customers)), Lines: m.basket(),
	}
	m.ready = append(m.ready, sale)
	m.recent = append(m.recent, sale)
	if len(m.recent) > maxRecent {
		m.recent = m.recent[1:]
	}
	if m.random.IntN(cancelOneIn) == 0 {
		m.ready = append(m.ready, m.cancellation())
	}
	if m.random.IntN(writeOffOneIn) == 0 {
		m.others++
		m.ready = append(m.ready, Event{Kind: WriteOff, Invoice: fmt.Sprintf("W%06d", m.others), At: m.now, Lines: []Line{m.position()}})
	}
}

func (m *Mix) basket() []Line {
	lines := make([]Line, m.about(medianLines, spreadLines, mostLines))
	for i := range lines {
		lines[i] = m.position()
	}
	return lines
}

func (m *Mix) position() Line {
	m.line++
	return Line{
		Number: m.line, SKU: fmt.Sprintf("item-%04d", 1+m.popular.Uint64()),
		Quantity: int64(m.about(medianQuantity, spreadQuantity, mostQuantity)),
	}
}

// about draws from a log-normal distribution, at least 1.
func (m *Mix) about(median, spread float64, most int) int {
	return min(max(1, int(math.Round(median*math.Exp(spread*m.random.NormFloat64())))), most)
}

// cancellation takes back a recent sale: one of the last few as a whole, or part
// of an older one. No sale is canceled twice.
func (m *Mix) cancellation() Event {
	whole := m.random.Float64() < cancelWhole
	from := 0
	if whole {
		from = max(0, len(m.recent)-5)
	}
	at := from + m.random.IntN(len(m.recent)-from)
	sale := m.recent[at]
	m.recent = append(m.recent[:at:at], m.recent[at+1:]...)

	lines := make([]Line, 0, len(sale.Lines))
	for _, line := range sale.Lines {
		if !whole {
			line.Quantity = 1 + m.random.Int64N(line.Quantity)
		}
		m.line++
		line.Number = m.line
		lines = append(lines, line)
		if !whole && m.random.IntN(2) == 0 {
			break
		}
	}
	m.others++
	return Event{Kind: Cancellation, Invoice: fmt.Sprintf("C%06d", m.others), At: m.now, Customer: sale.Customer, Lines: lines}
}
