package stage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"stockhold/internal/bench/bulk"
	"stockhold/internal/bench/peers"
	"stockhold/internal/bench/proc"
	"stockhold/reservation"
)

// Shape is how stockhold is set up.
type Shape struct {
	Processes int           // 0 is 1
	Stock     []peers.Stock // what is there
	Past      *Past         // reservations that are there already; nil: none
	Flags     []string      // of serve, beside the stores'
}

// Ours starts stockhold on MariaDB and Redis.
func (s *Stage) Ours(ctx context.Context, name string, shape Shape) (*System, error) {
	sys := &System{Name: name, Stores: true}
	return sys.orClose(s.startOurs(ctx, sys, shape))
}

func (s *Stage) startOurs(ctx context.Context, sys *System, shape Shape) error {
	ledger, err := s.Ledger(ctx, shape.Stock, shape.Past)
	if err != nil {
		return err
	}
	sys.onClose(func(context.Context) error { return ledger.Close() })
	sys.books = ledger.books
	if shape.Past == nil {
		sys.audit = ledger.Flags()
	}
	for i := range max(1, shape.Processes) {
		if err := s.serve(ctx, sys, fmt.Sprintf("%s-stockhold-%d", ledger.space.name, i+1), append(ledger.Flags(), shape.Flags...)); err != nil {
			return err
		}
	}
	return nil
}

// serve starts one process of `stockhold serve`.
func (s *Stage) serve(ctx context.Context, sys *System, name string, flags []string) error {
	env := cleanEnvironment()
	profiles := ""
	if s.profiled {
		address, err := freeAddress(ctx)
		if err != nil {
			return err
		}
		env = append(env, "BENCH_PROFILE_LISTEN="+address)
		profiles = "http://" + address + "/debug/pprof"
	}
	return sys.run(ctx, proc.Command{
		Name: name, Folder: s.folder, Path: s.binary, Env: env,
		Args: append([]string{"serve", "--listen=127.0.0.1:0", "--log-format=json"}, flags...),
	}, func(string) string { return profiles })
}

// freeAddress is one that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// cleanEnvironment is this process's without settings of stockhold, which would
// be other people's.
func cleanEnvironment() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "STOCKHOLD_") {
			env = append(env, variable)
		}
	}
	return env
}

// Ledger is a database with stockhold's schema, and what is in it.
type Ledger struct {
	stage *Stage
	space *space
	books *books
}

// Ledger makes one. The caller closes it.
func (s *Stage) Ledger(ctx context.Context, stock []peers.Stock, past *Past) (_ *Ledger, err error) {
	space, err := s.newSpace(ctx)
	if err != nil {
		return nil, err
	}
	l := &Ledger{stage: s, space: space, books: &books{db: space.db, table: "reservations", key: "rkey"}}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if _, err := s.Command(ctx, append([]string{"migrate"}, l.Flags()[:1]...)...); err != nil {
		return nil, err
	}
	counts := pastCounts{held: make([]int64, len(stock)), taken: make([]int64, len(stock))}
	if past != nil {
		if counts, err = past.load(ctx, l.space.db, stock); err != nil {
			return nil, err
		}
		l.books.after = past.lastKey
	}
	return l, loadStocks(ctx, l, stock, counts)
}

func loadStocks(ctx context.Context, l *Ledger, stock []peers.Stock, counts pastCounts) error {
	return bulk.Load(ctx, l.space.db, "stocks", "location_id, sku, on_hand, reserved, committed, version", func(w *bulk.Writer) error {
		for i, s := range stock {
			if err := w.Row(reservation.DefaultName, s.SKU, s.OnHand, counts.held[i], counts.taken[i], 1); err != nil {
				return err
			}
		}
		return nil
	})
}

// Flags name the stores for any command of stockhold; the ledger comes first.
func (l *Ledger) Flags() []string {
	return []string{
		"--mysql-dsn=" + l.space.dsn(),
		"--redis-url=" + l.stage.redis.URL(),
		"--redis-prefix=" + l.space.name,
	}
}

// Close drops the database.
func (l *Ledger) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	return l.space.drop(ctx)
}

// Command runs a command of stockhold to its end and returns what it printed.
func (s *Stage) Command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Env = cleanEnvironment()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("stockhold %s: %w\n%s%s", args[0], err, out, errs.String())
	}
	return out, nil
}

// DB is the ledger's database, for those who write to it without stockhold.
func (l *Ledger) DB() *sql.DB { return l.space.db }
