package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
)

// stockFile writes a file of so many rows.
func stockFile(t *testing.T, rows int) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("sku,on_hand,location_id\n")
	for i := range rows {
		fmt.Fprintf(&text, "SKU-%06d,%d,%s\n", i, i%1000, []string{"default", "berlin"}[i%2])
	}
	path := filepath.Join(t.TempDir(), "stock.csv")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	return path
}

type importReport struct {
	Rows, Set, Unchanged, Failed, Left int
}

func (c *counter) imports(code int, args ...string) (r importReport) {
	c.t.Helper()
	p := c.do(code, append([]string{"stock", "import", "--output", "json"}, args...)...)
	require.NoError(c.t, json.Unmarshal([]byte(p.out.String()), &r), "%s", &p.out)
	return r
}

// An import sets each row once; the second time it only reads. A row that moved is
// set again.
func TestImportCanBeRepeated(t *testing.T) {
	const n = 2000 // scripts/import-times does it with 100,000
	file := stockFile(t, n)
	onEachStore(t, []string{"--no-sweep"}, func(t *testing.T, c *counter) {
		first := c.imports(0, file)
		require.Equal(t, [4]int{n, n, 0, 0}, [4]int{first.Rows, first.Set, first.Unchanged, first.Failed})
		second := c.imports(0, file)
		require.Equal(t, [2]int{0, n}, [2]int{second.Set, second.Unchanged})
		c.do(0, "stock", "adjust", "SKU-000004", "--take", "1")
		third := c.imports(0, file)
		require.Equal(t, [2]int{1, n - 1}, [2]int{third.Set, third.Unchanged})
		require.Regexp(t, `SKU-000004 +default +4 `, c.do(0, "stock", "get", "SKU-000004").out.String())
		c.clean()
	})
}

// Whoever stops an import is told how to go on, and the same command does.
func TestImportGoesOnAfterAnInterrupt(t *testing.T) {
	const n = 4000
	file := stockFile(t, n)
	c := openCounter(t, nil, "--no-sweep")
	p := launch(t, setup{env: c.env, args: []string{"stock", "import", file, "--parallel", "2"}})
	client := stockholdv1connect.NewInventoryServiceClient(client(t, http2), c.server.url())
	require.Eventually(t, func() bool {
		page, err := client.ListStock(t.Context(), &stockholdv1.ListStockRequest{PageSize: 100})
		return err == nil && len(page.GetStocks()) == 100
	}, patience, 5*time.Millisecond)
	p.signal(syscall.SIGINT)
	require.Equal(t, 1, p.wait(), "%s%s", &p.out, &p.err)
	require.Contains(t, p.err.String(), "interrupted; run the same command again")
	require.Regexp(t, `4,000 rows in .*, [0-9,]+ left\n`, p.out.String())

	rest := c.imports(0, file)
	require.Positive(t, rest.Unchanged)
	require.Positive(t, rest.Set)
	require.Equal(t, n, rest.Set+rest.Unchanged)
	require.Equal(t, n, c.imports(0, file).Unchanged)
}

// A server that goes away stops an import, which says so and can be repeated.
func TestImportStopsWithItsServer(t *testing.T) {
	const n = 4000
	file := stockFile(t, n)
	folder := "STOCKHOLD_DATA=" + t.TempDir()
	c := openCounter(t, []string{folder}, "--no-sweep")
	p := launch(t, setup{env: c.env, args: []string{"stock", "import", file, "--parallel", "2", "--timeout", "1s"}})
	inventory := stockholdv1connect.NewInventoryServiceClient(client(t, http2), c.server.url())
	require.Eventually(t, func() bool {
		page, err := inventory.ListStock(t.Context(), &stockholdv1.ListStockRequest{PageSize: 100})
		return err == nil && len(page.GetStocks()) == 100
	}, patience, 5*time.Millisecond)
	c.server.signal(syscall.SIGKILL)
	require.Equal(t, 4, p.wait(), "%s%s", &p.out, &p.err)
	require.Contains(t, p.err.String(), "Run the same command again later")

	again := openCounter(t, []string{folder}, "--no-sweep")
	rest := again.imports(0, file)
	require.Equal(t, n, rest.Set+rest.Unchanged)
	require.Positive(t, rest.Unchanged)
}

// What the server refuses is told by line, and written so that it can be mended.
func TestImportTellsWhatWasRefused(t *testing.T) {
	c := openCounter(t, nil, "--no-sweep", "--limit-on-hand", "100")
	folder := t.TempDir()
	file, refused := filepath.Join(folder, "stock.csv"), filepath.Join(folder, "refused.csv")
	require.NoError(t, os.WriteFile(file, []byte("sku,on_hand\nmug,7\nspoon,101\n"), 0o600))
	p := c.do(3, "stock", "import", file)
	require.Contains(t, p.err.String(), "line 3, default/spoon: INVALID: ")
	require.Contains(t, p.out.String(), "1 set, 0 right already, 1 refused")
	c.do(3, "stock", "import", file, "--failures", refused)
	text, err := os.ReadFile(refused)
	require.NoError(t, err)
	require.Contains(t, string(text), "spoon,101,default,3,INVALID,")
	require.NoError(t, os.WriteFile(refused, []byte(strings.Replace(string(text), "101", "99", 1)), 0o600))
	require.Equal(t, 1, c.imports(0, refused).Set)

	require.NoError(t, os.WriteFile(file, []byte("sku,on_hand\nmug,7\nmug,8\ncup,x\n"), 0o600))
	p = c.do(2, "stock", "import", file)
	require.Contains(t, p.err.String(), "line 3: default/mug is on line 2 already\n")
	require.Contains(t, p.err.String(), "line 4: on_hand is \"x\"")
}

// While the gate is rebuilt, again and again, order services go on: exactly what is
// there is held, and the audit finds nothing in ledger or gate.
func TestGateIsRebuiltUnderLoad(t *testing.T) {
	const skus, units, callers = 5, 100, 8
	onEachStore(t, []string{"--no-sweep"}, func(t *testing.T, c *counter) {
		server := stockholdv1connect.NewReservationServiceClient(client(t, http2), c.server.url())
		for i := range skus {
			c.do(0, "stock", "set", fmt.Sprintf("sku-%d", i), fmt.Sprint(units))
		}
		var held [skus]atomic.Int64
		var load sync.WaitGroup
		for caller := range callers {
			load.Go(func() {
				for n := range skus * units / callers * 2 {
					sku := n % skus
					_, err := try(t.Context(), server, fmt.Sprintf("order-%d-%d", caller, n), fmt.Sprintf("sku-%d", sku))
					switch reason, _ := reasonOf(err); {
					case err == nil:
						held[sku].Add(1)
					case reason != stockholdv1.Reason_REASON_INSUFFICIENT_STOCK:
						t.Errorf("a Try was answered %v", err)
					}
				}
			})
		}
		loaded := make(chan struct{})
		go func() { load.Wait(); close(loaded) }()
		for rebuilds := 0; ; rebuilds++ {
			var page struct{ LookedAt, Ahead, Different int }
			p := c.do(0, "gate", "rebuild", "-o", "json")
			require.NoError(t, json.Unmarshal([]byte(p.out.String()), &page))
			require.Equal(t, skus, page.LookedAt)
			require.Zero(t, page.Ahead+page.Different, "nothing ever contradicted the ledger")
			select {
			case <-loaded:
			default:
				continue
			}
			break
		}
		for i := range skus {
			require.Equal(t, int64(units), held[i].Load(), "of sku %d", i)
		}
		strict := []string{"audit"}
		for _, v := range c.env {
			if strings.HasPrefix(v, "STOCKHOLD_REDIS_URL=") {
				strict = append(strict, "--strict")
			}
		}
		c.do(0, strict...)
	})
}

// A gate that is away cannot be rebuilt now; the command says so and stops in time.
func TestRebuildOfAGateThatIsAway(t *testing.T) {
	f := launchFleet(t, 1)
	f.stock("mug", 1)
	server := stockholdv1connect.NewOperatorServiceClient(client(t, http2), f.urls[0])
	answer, err := server.RebuildGate(t.Context(), &stockholdv1.RebuildGateRequest{})
	require.NoError(t, err)
	require.Equal(t, int32(1), answer.GetLookedAt())
	require.NoError(t, f.redis.Stop())
	_, err = server.RebuildGate(t.Context(), &stockholdv1.RebuildGateRequest{})
	var status *connect.Error
	require.True(t, errors.As(err, &status), "%v", err)
	require.Equal(t, connect.CodeUnavailable, status.Code())
	p := run(t, setup{env: []string{"STOCKHOLD_SERVER=" + f.urls[0], "STOCKHOLD_TIMEOUT=2s"}, args: []string{"gate", "rebuild"}})
	require.Equal(t, 4, p.code, "%s", &p.err)
}
