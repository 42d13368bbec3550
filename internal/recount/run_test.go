package recount_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/client"
	"stockhold/internal/recount"
	"stockhold/inventory"
	"stockhold/reservation"
)

// shelf is a server's inventory in memory, with a hook before each change.
type shelf struct {
	mu       sync.Mutex
	rows     map[inventory.Key]int64
	done     map[string]bool // adjustment ids
	before   func(*stockholdv1.SetStockRequest) error
	listed   int
	read     int
	sets     int
	mostPage int32
}

func newShelf() *shelf {
	return &shelf{rows: map[inventory.Key]int64{}, done: map[string]bool{}, mostPage: 500}
}

func fails(code connect.Code, reason stockholdv1.Reason, after time.Duration) error {
	err := connect.NewError(code, errors.New("no"))
	detail, _ := connect.NewErrorDetail(&stockholdv1.Refusal{Reason: reason, RetryAfter: durationpb.New(after)})
	err.AddDetail(detail)
	return err
}

func (s *shelf) ListStock(_ context.Context, m *stockholdv1.ListStockRequest) (*stockholdv1.ListStockResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listed++
	if m.GetPageSize() > s.mostPage {
		return nil, fails(connect.CodeInvalidArgument, stockholdv1.Reason_REASON_INVALID, 0)
	}
	size := int(m.GetPageSize())
	if size == 0 {
		size = 50
	}
	var keys []inventory.Key
	for key := range s.rows {
		if key.Location == m.GetLocationId() && key.SKU > m.GetPageToken() {
			keys = append(keys, key)
		}
	}
	answer := &stockholdv1.ListStockResponse{}
	for i, key := range inventory.SortKeys(keys) {
		if i == size {
			answer.NextPageToken = answer.Stocks[i-1].GetSku()
			break
		}
		answer.Stocks = append(answer.Stocks, &stockholdv1.Stock{Sku: key.SKU, LocationId: key.Location, OnHand: s.rows[key]})
	}
	return answer, nil
}

func (s *shelf) GetStock(_ context.Context, m *stockholdv1.GetStockRequest) (*stockholdv1.GetStockResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read++
	onHand, ok := s.rows[inventory.Key{Location: m.GetLocationId(), SKU: m.GetSku()}]
	if !ok {
		return nil, fails(connect.CodeNotFound, stockholdv1.Reason_REASON_UNKNOWN_SKU, 0)
	}
	return &stockholdv1.GetStockResponse{Stock: &stockholdv1.Stock{OnHand: onHand}}, nil
}

func (s *shelf) SetStock(_ context.Context, m *stockholdv1.SetStockRequest) (*stockholdv1.SetStockResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		if err := s.before(m); err != nil {
			return nil, err
		}
	}
	s.sets++
	if !s.done[m.GetAdjustmentId()] {
		s.rows[inventory.Key{Location: m.GetLocationId(), SKU: m.GetSku()}] = m.GetOnHand()
	}
	s.done[m.GetAdjustmentId()] = true
	return &stockholdv1.SetStockResponse{}, nil
}

func file(n int, onHand int64) []recount.Row {
	rows := make([]recount.Row, n)
	for i := range rows {
		rows[i] = row(i+2, reservation.DefaultName, fmt.Sprintf("sku-%06d", i), onHand)
	}
	return rows
}

// A file is brought in force once; again it changes nothing and costs pages, not
// rows; a row that moved since is set again, by a change with an id of its own.
func TestRunCanBeRepeated(t *testing.T) {
	s := newShelf()
	rows := file(2000, 7)
	rows[0].OnHand = 0 // a row of nothing is a row, too
	var told atomic.Int64
	report, err := recount.Run(t.Context(), s, rows, recount.Options{Progress: func(n int) { told.Add(int64(n)) }})
	require.NoError(t, err)
	require.Equal(t, [4]int{2000, 2000, 0, 0}, [4]int{report.Rows, report.Set, report.Unchanged, report.Failed})
	require.Equal(t, int64(2000), told.Load())
	require.Len(t, s.rows, 2000)

	s.listed, s.read, s.sets = 0, 0, 0
	report, err = recount.Run(t.Context(), s, rows, recount.Options{})
	require.NoError(t, err)
	require.Equal(t, [2]int{0, 2000}, [2]int{report.Set, report.Unchanged})
	require.Equal(t, [3]int{4, 0, 0}, [3]int{s.listed, s.read, s.sets})

	s.rows[rows[5].Key] = 99
	report, err = recount.Run(t.Context(), s, rows, recount.Options{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, [2]int{1, 1999}, [2]int{report.Set, report.Unchanged})
	require.Equal(t, int64(99), s.rows[rows[5].Key], "a dry run sets nothing")
	report, err = recount.Run(t.Context(), s, rows, recount.Options{})
	require.NoError(t, err)
	require.Equal(t, 1, report.Set)
	require.Equal(t, int64(7), s.rows[rows[5].Key])
}

// A few rows of a location with very many are read one by one, in the end, and a
// server that gives smaller pages is asked for those.
func TestRunReadsNoMoreThanItNeeds(t *testing.T) {
	s := newShelf()
	s.mostPage = 50
	for _, r := range file(5000, 1) {
		s.rows[r.Key] = r.OnHand
	}
	rows := append(file(1, 1), row(3, "default", "sku-004999", 1), row(4, "default", "zzz", 1))
	report, err := recount.Run(t.Context(), s, rows, recount.Options{})
	require.NoError(t, err)
	require.Equal(t, [2]int{1, 2}, [2]int{report.Set, report.Unchanged})
	require.LessOrEqual(t, s.listed, 21)
	require.Equal(t, 2, s.read)
}

// What cannot be answered now is repeated; a change whose answer was lost is not
// done twice.
func TestRunRepeatsWhatIsOverloaded(t *testing.T) {
	s := newShelf()
	busy := map[string]int{}
	s.before = func(m *stockholdv1.SetStockRequest) error {
		if busy[m.GetAdjustmentId()]++; busy[m.GetAdjustmentId()] == 1 {
			return fails(connect.CodeResourceExhausted, stockholdv1.Reason_REASON_OVERLOADED, time.Millisecond)
		}
		return nil
	}
	report, err := recount.Run(t.Context(), s, file(300, 7), recount.Options{})
	require.NoError(t, err)
	require.Equal(t, 300, report.Set)
	require.Len(t, busy, 300, "one id for all attempts at a row")
}

// Rows that are refused are told of, and can be imported again as they are written.
func TestRunGoesOnAfterARefusal(t *testing.T) {
	s := newShelf()
	s.before = func(m *stockholdv1.SetStockRequest) error {
		if m.GetSku() == "sku-000003" {
			return fails(connect.CodeInvalidArgument, stockholdv1.Reason_REASON_INVALID, 0)
		}
		return nil
	}
	report, err := recount.Run(t.Context(), s, file(10, 7), recount.Options{})
	require.NoError(t, err)
	require.Equal(t, [3]int{9, 1, 0}, [3]int{report.Set, report.Failed, report.Left})
	require.Equal(t, []recount.Failure{{Row: row(5, "default", "sku-000003", 7), Reason: "INVALID", Message: "no"}}, report.Failures)
	var written bytes.Buffer
	require.NoError(t, report.WriteFailures(&written))
	again, err := recount.Read(&written)
	require.NoError(t, err)
	require.Equal(t, []recount.Row{row(2, "default", "sku-000003", 7)}, again)
}

// A server that is gone stops the run, and so does the one who runs it; the next run
// goes on where it was.
func TestRunGoesOnWhereItStopped(t *testing.T) {
	for name, stop := range map[string]func(cancel context.CancelFunc) error{
		"gone": func(context.CancelFunc) error {
			return fails(connect.CodeUnavailable, stockholdv1.Reason_REASON_UNAVAILABLE, time.Hour)
		},
		"denied": func(context.CancelFunc) error {
			return fails(connect.CodePermissionDenied, stockholdv1.Reason_REASON_PERMISSION_DENIED, 0)
		},
		"interrupted": func(cancel context.CancelFunc) error { cancel(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s.before = func(*stockholdv1.SetStockRequest) error {
				if len(s.rows) < 100 {
					return nil
				}
				return stop(cancel)
			}
			rows := file(1000, 7)
			report, err := recount.Run(ctx, s, rows, recount.Options{Parallel: 8, Patience: time.Second})
			require.Error(t, err)
			require.Equal(t, name == "interrupted", errors.Is(err, context.Canceled), "%v", err)
			require.Positive(t, report.Left)
			require.Equal(t, 1000, report.Set+report.Unchanged+report.Failed+report.Left)

			there := len(s.rows)
			s.before = nil
			report, err = recount.Run(t.Context(), s, rows, recount.Options{})
			require.NoError(t, err)
			require.Equal(t, [2]int{1000 - there, there}, [2]int{report.Set, report.Unchanged})
		})
	}
}

// What fails like a defect time and again is no stockhold.
func TestRunGivesUpOnWhatIsBroken(t *testing.T) {
	s := newShelf()
	s.before = func(*stockholdv1.SetStockRequest) error {
		return connect.NewError(connect.CodeUnknown, errors.New("html"))
	}
	report, err := recount.Run(t.Context(), s, file(1000, 7), recount.Options{Parallel: 1})
	var failure *client.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, client.Broken, failure.Kind)
	require.Equal(t, [2]int{20, 980}, [2]int{report.Failed, report.Left})
}
