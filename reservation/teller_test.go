package reservation

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// pile is a log whose lines leave when told to.
type pile struct {
	slog.Handler
	pieces *int
}

func (p pile) Together(write func()) {
	*p.pieces++
	write()
}

// What a batch changed is told in one piece, in order; what it did not change is not.
func TestChangesAreTold(t *testing.T) {
	var out bytes.Buffer
	pieces := 0
	told := newTeller(slog.New(pile{slog.NewTextHandler(&out, nil), &pieces}), true)
	require.True(t, told.wanted())

	b := newBatch(benchNow, 1e12, nil, nil, nil)
	b.telling = true
	id := HoldID{Owner: "orders", ID: "1"}
	ops := []*Operation{
		{Call: Cancel, ID: id, By: ByCaller},
		{Call: Cancel, ID: id, By: ByCaller},                      // a replay
		{Call: Try, ID: id, By: ByCaller},                         // refused: canceled
		{Call: CancelKnown, ID: HoldID{Owner: "orders", ID: "2"}}, // refused: not found
		{Call: Cancel, ID: HoldID{Owner: "web", ID: "3"}, By: ByOperator},
	}
	for _, op := range ops {
		b.apply(op)
	}
	told.add(b.passages)
	var writing sync.WaitGroup
	writing.Go(func() { told.run(context.Background()) })
	told.close()
	writing.Wait()

	require.Equal(t, 1, pieces)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], `level=INFO msg="reservation changed" owner=orders id=1 from=NONE to=CANCELED by=CALLER`)
	require.Contains(t, lines[1], `owner=web id=3 from=NONE to=CANCELED by=OPERATOR`)
}

// Nothing is gathered that nobody would read, and a log that nobody reads from
// holds up to so many lines.
func TestChangesThatNobodyReads(t *testing.T) {
	least := new(slog.LevelVar)
	told := newTeller(slog.New(slog.NewTextHandler(new(bytes.Buffer), &slog.HandlerOptions{Level: least})), false)
	require.False(t, told.wanted())
	told.on.Store(true)
	require.True(t, told.wanted())
	least.Set(slog.LevelWarn)
	require.False(t, told.wanted())

	b := newBatch(benchNow, 1e12, nil, nil, nil)
	b.apply(&Operation{Call: Cancel, ID: HoldID{Owner: "orders", ID: "1"}})
	require.Empty(t, b.passages)

	for range 3 {
		told.add(make([]passage, mostWaiting/2))
	}
	require.Equal(t, mostWaiting, told.waits)
}

// What a line costs, beside what the batch does: noting it, and writing it to
// nowhere with those of its batch.
func BenchmarkTell(b *testing.B) {
	told := newTeller(slog.New(slog.NewJSONHandler(new(nowhere), nil)), true)
	p := passage{id: HoldID{Owner: "default", ID: "order-000001"}, to: Reserved, by: ByCaller}
	b.ReportAllocs()
	for b.Loop() {
		told.tell(b.Context(), benchNow, p)
	}
}

type nowhere struct{}

func (*nowhere) Write(p []byte) (int, error) { return len(p), nil }
