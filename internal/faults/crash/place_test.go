//go:build faults

package crash

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"stockhold/internal/faults"
	"stockhold/internal/testservers"
	"stockhold/inventory"
)

// place is where cells happen, one at a time: the stores, a process that dies in
// every cell, and one that never does.
type place struct {
	site   *faults.Site
	ledger *sql.DB         // straight, to see who waits
	gate   *inventory.Gate // straight, to see what is pending
	book   *book
	office *server // does not sweep; here cells are prepared and looked at
	victim *server // sweeps
}

// server is a process with a client of it.
type server struct {
	*faults.Process
	client *faults.Client
}

// brisk lets holds come due, and leases end, soon.
var brisk = map[string]string{
	"STOCKHOLD_LIMIT_MIN_TTL":   "100ms",
	"STOCKHOLD_SWEEP_INTERVAL":  "100ms",
	"STOCKHOLD_SWEEP_LEASE":     "1500ms",
	"STOCKHOLD_DECIDER_TIMEOUT": "500ms",
}

// openSite starts stores that keep what they have when they are killed: a Redis
// that comes back with what it knew is worse than an empty one, for it is stale.
func openSite(ctx context.Context) (*faults.Site, error) {
	site, err := faults.OpenSite(ctx, faults.Built(), faults.SiteOptions{Redis: testservers.RedisOptions{Persist: true}})
	if err != nil {
		return nil, err
	}
	for name, value := range brisk {
		site.Settings[name] = value
	}
	return site, nil
}

func openPlace(ctx context.Context) (*place, error) {
	p := &place{book: newBook()}
	if err := p.open(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *place) open(ctx context.Context) (err error) {
	if p.site, err = openSite(ctx); err != nil {
		return err
	}
	p.site.Desk.Ask(p.book.answer)
	if p.ledger, err = openLedger(p.site.DSN()); err != nil {
		return err
	}
	if p.gate, err = inventory.Open(p.site.Redis.URL(), inventory.Options{}); err != nil {
		return err
	}
	if p.office, err = p.serve(ctx, "--no-sweep"); err != nil {
		return err
	}
	p.victim, err = p.serve(ctx)
	return err
}

func openLedger(dsn string) (*sql.DB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.Logger = new(mysql.NopLogger) // a server that was killed is no news
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(-1) // nor is a connection that died with it, when the pool is closed
	return db, nil
}

func (p *place) serve(ctx context.Context, args ...string) (*server, error) {
	process, err := p.site.Serve(ctx, args...)
	if err != nil {
		return nil, err
	}
	return &server{process, faults.NewClient(process.URL())}, nil
}

// end kills a server, if it still runs, and forgets it.
func (s *server) end() error {
	if s == nil {
		return nil
	}
	s.client.Close()
	return s.Close()
}

// heal brings back what died: the stores first.
func (p *place) heal(ctx context.Context) error {
	if p.site.DB.Pid() == 0 {
		if err := p.site.DB.Restart(ctx); err != nil {
			return err
		}
	}
	if p.site.Redis.Pid() == 0 {
		if err := p.site.Redis.Restart(ctx); err != nil {
			return err
		}
	}
	select {
	case <-p.victim.Ended():
	default:
		return nil
	}
	if err := p.victim.end(); err != nil {
		return err
	}
	var err error
	p.victim, err = p.serve(ctx)
	return err
}

// lockPoll is how often InnoDB is asked who waits. It answers from a copy, which it
// only makes anew when nobody has asked for a tenth of a second.
const lockPoll = 150 * time.Millisecond

// waiting is an error until some transaction waits for a row that another one holds.
func (p *place) waiting(ctx context.Context) error {
	var n int
	err := p.ledger.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'").Scan(&n)
	if err == nil && n == 0 {
		err = errors.New("nobody waits for the rows of the process that is about to die")
	}
	return err
}

// pending is an error as long as units of a sku are frozen in the gate, or the
// gate's view of it is not the ledger's.
func (p *place) pending(ctx context.Context, stock inventory.Stock) error {
	holds, err := p.gate.Pending(ctx, 0, 5)
	if err != nil {
		return err
	}
	if len(holds) > 0 {
		return fmt.Errorf("pending in the gate: %v", holds)
	}
	rows, err := p.gate.Rows(ctx, []inventory.Key{stock.Key})
	if err != nil {
		return err
	}
	if row := rows[0]; row.Loaded && (row.Pending != 0 || row.View != stock.View()) {
		return fmt.Errorf("the gate has %+v, the ledger %+v", row, stock.View())
	}
	return nil
}

func (p *place) close() error {
	errs := []error{p.office.end(), p.victim.end()}
	if p.gate != nil {
		errs = append(errs, p.gate.Close())
	}
	if p.ledger != nil {
		errs = append(errs, p.ledger.Close())
	}
	if p.site != nil {
		errs = append(errs, p.site.Close(), p.site.Failed())
	}
	return errors.Join(errs...)
}
