package rpc

import (
	"cmp"
	"context"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/reservation"
)

// stocks is the wire's InventoryService. Its methods return the domain's errors;
// the boundary makes answers of them.
type stocks struct {
	service Service
	errors  *errorTable
	metrics *metrics
}

func (s *stocks) SetStock(ctx context.Context, m *stockholdv1.SetStockRequest) (*stockholdv1.SetStockResponse, error) {
	answer, err := one(ctx, m, s.service.Limits(), recountFromWire, s.service.Change)
	if err != nil {
		return nil, err
	}
	return &stockholdv1.SetStockResponse{Stock: stockToWire(*answer.Stock), Replayed: answer.Replayed}, nil
}

func (s *stocks) AdjustStock(ctx context.Context, m *stockholdv1.AdjustStockRequest) (*stockholdv1.AdjustStockResponse, error) {
	answer, err := one(ctx, m, s.service.Limits(), adjustmentFromWire, s.service.Change)
	if err != nil {
		return nil, err
	}
	return &stockholdv1.AdjustStockResponse{Stock: stockToWire(*answer.Stock), Replayed: answer.Replayed}, nil
}

func (s *stocks) BatchAdjustStock(ctx context.Context, m *stockholdv1.BatchAdjustStockRequest) (*stockholdv1.BatchAdjustStockResponse, error) {
	limits := s.service.Limits()
	if err := checkBatch(len(m.GetRequests()), limits); err != nil {
		return nil, err
	}
	answers := each(ctx, m.GetRequests(), limits, adjustmentFromWire, s.service.Change)
	return &stockholdv1.BatchAdjustStockResponse{Outcomes: s.outcomes(ctx, "BatchAdjustStock", answers)}, nil
}

func (s *stocks) GetStock(ctx context.Context, m *stockholdv1.GetStockRequest) (*stockholdv1.GetStockResponse, error) {
	stock, err := s.service.GetStock(ctx, key(m))
	if err != nil {
		return nil, err
	}
	return &stockholdv1.GetStockResponse{Stock: stockToWire(stock)}, nil
}

func (s *stocks) ListStock(ctx context.Context, m *stockholdv1.ListStockRequest) (*stockholdv1.ListStockResponse, error) {
	pages := stockPages(m.GetSku(), m.GetLocationId())
	after, err := pages.rowAfter(m.GetPageToken())
	if err != nil {
		return nil, err
	}
	page, err := s.service.ListStock(ctx, m.GetSku(), m.GetLocationId(), after, int(m.GetPageSize()))
	if err != nil {
		return nil, err
	}
	response := &stockholdv1.ListStockResponse{Stocks: make([]*stockholdv1.Stock, len(page))}
	for i, row := range page {
		response.Stocks[i] = stockToWire(row)
	}
	// A full page may be the last: the next is empty then.
	if len(page) > 0 && len(page) >= cmp.Or(int(m.GetPageSize()), reservation.PageSize) {
		response.NextPageToken = pages.afterRow(page[len(page)-1].Key)
	}
	return response, nil
}
