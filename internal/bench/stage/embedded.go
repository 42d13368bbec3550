package stage

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	_ "github.com/glebarez/go-sqlite" // reads the embedded ledger

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/bench/peers"
)

// Embedded starts stockhold as it is without any configuration: a SQLite file
// and a gate inside of the process.
func (s *Stage) Embedded(ctx context.Context, name string, stock []peers.Stock) (*System, error) {
	sys := &System{Name: name}
	return sys.orClose(s.startEmbedded(ctx, sys, stock))
}

func (s *Stage) startEmbedded(ctx context.Context, sys *System, stock []peers.Stock) error {
	data := filepath.Join(s.folder, fmt.Sprintf("embedded-%d", s.systems.Add(1)))
	sys.onClose(func(context.Context) error { return os.RemoveAll(data) })
	if err := s.serve(ctx, sys, filepath.Base(data), []string{"--data=" + data}); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+url.PathEscape(filepath.Join(data, "stockhold.db"))+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return fmt.Errorf("open the embedded ledger: %w", err)
	}
	sys.onClose(func(context.Context) error { return db.Close() })
	sys.books = &books{db: db, table: "reservations", key: "rkey"}
	return putStock(ctx, sys.URLs[0], stock)
}

// putStock sets stock by calls: nobody else writes to an embedded ledger.
func putStock(ctx context.Context, service string, stock []peers.Stock) error {
	const atOnce = 1000
	client := stockholdv1connect.NewInventoryServiceClient(http.DefaultClient, service)
	for len(stock) > 0 {
		some := stock[:min(atOnce, len(stock))]
		request := &stockholdv1.BatchAdjustStockRequest{}
		for _, row := range some {
			request.Requests = append(request.Requests, &stockholdv1.AdjustStockRequest{Sku: row.SKU, Delta: row.OnHand})
		}
		response, err := client.BatchAdjustStock(ctx, request)
		if err != nil {
			return fmt.Errorf("put stock: %w", err)
		}
		for _, outcome := range response.GetOutcomes() {
			if failure := outcome.GetFailure(); failure != nil {
				return fmt.Errorf("put stock: %s", failure.GetMessage())
			}
		}
		stock = stock[len(some):]
	}
	return nil
}
