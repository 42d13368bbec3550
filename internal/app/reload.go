package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"stockhold/internal/config"
	"stockhold/internal/telemetry"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// Reload is how a running process comes to another configuration. The zero value
// is never.
type Reload struct {
	Asked <-chan os.Signal              // each signal asks for it; those that come during one are one
	Read  func() (config.Config, error) // reads the configuration again and completes it
	Level *slog.LevelVar                // of the logger; nil: its level stays
}

// reloads are the configuration in force and the parts that can go by another one
// without a restart. One goroutine reloads, so nothing here is locked.
type reloads struct {
	Reload
	cfg     config.Config
	parts   []reloadable
	log     *slog.Logger
	counted metric.Int64Counter
}

type reloadable struct {
	name    string
	prepare func(next config.Config) (reloadChange, error)
}

// reloadChange is what a part would do about a configuration.
type reloadChange struct {
	apply func()   // at once, by swapping a pointer, and without fail; nil: nothing changes
	says  []string // what changes beside settings, for the log; nothing secret
}

func newReloads(cfg config.Config, how Reload, log *slog.Logger) (*reloads, error) {
	counted, err := otel.Meter("stockhold/app").Int64Counter("stockhold.config.reloads", metric.WithUnit("{reload}"),
		metric.WithDescription("Configurations that were read again, by outcome: taken, refused."))
	if err != nil {
		return nil, fmt.Errorf("make the metric of reloads: %w", err)
	}
	for _, outcome := range []string{"taken", "refused"} { // an alert must see the first one
		counted.Add(context.Background(), 0, metric.WithAttributes(attribute.String("outcome", outcome)))
	}
	return &reloads{Reload: how, cfg: cfg, log: log, counted: counted}, nil
}

// add registers a part, before run. prepare is given the configuration that is to
// be in force, also where no setting differs, since files that it names may. It
// does all that can fail and changes nothing; only when every part is prepared is
// any of them changed, in the order in which they were added. A part that callers
// depend on is added after what it depends on itself.
func (r *reloads) add(name string, prepare func(next config.Config) (reloadChange, error)) {
	r.parts = append(r.parts, reloadable{name, prepare})
}

// run reloads whenever it is asked to, until ctx ends.
func (r *reloads) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.Asked:
		}
		outcome := "taken"
		if err := r.reload(); err != nil {
			outcome = "refused"
			r.log.Error("the configuration was not reloaded: all stays as it was", "error", err)
		}
		r.counted.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
	}
}

func (r *reloads) reload() error {
	read, err := r.Read()
	if err != nil {
		return err
	}
	next, changed, waiting := r.cfg.Merge(read)
	if err := next.Complete(); err != nil {
		return fmt.Errorf("beside the settings that need a restart (%s): %w", list(waiting), err)
	}
	var applies []func()
	var says []string
	for _, part := range r.parts {
		change, err := part.prepare(next)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		if change.apply != nil {
			applies = append(applies, change.apply)
		}
		says = append(says, change.says...)
	}
	for _, apply := range applies {
		apply()
	}
	setLevel := r.level(next.Log.Level)
	r.cfg = next
	if len(waiting) > 0 {
		r.log.Warn("settings have changed that need a restart", "settings", list(waiting))
	}
	r.log.Info("the configuration was reloaded", "changed", list(changed, says...))
	setLevel()
	return nil
}

// level lets through what either level does, so that the log tells of the change
// itself, and returns what sets the new one.
func (r *reloads) level(configured string) (set func()) {
	level, err := telemetry.ParseLevel(configured)
	if r.Level == nil || err != nil { // which Complete has ruled out
		return func() {}
	}
	r.Level.Set(min(r.Level.Level(), level))
	return func() { r.Level.Set(level) }
}

// list words changes for one line.
func list(changes []config.Change, more ...string) string {
	var words []string
	for _, c := range changes {
		words = append(words, c.String())
	}
	if words = append(words, more...); len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// addSweeper lets a sweeper be reloaded.
func (r *reloads) addSweeper(s *sweeper.Sweeper, asked *deciders) {
	inForce := r.cfg.Sweeper
	r.add("the sweeper", func(next config.Config) (reloadChange, error) {
		if reflect.DeepEqual(inForce, next.Sweeper) {
			return reloadChange{}, nil
		}
		clients, adopted, err := asked.of(next.Sweeper)
		if err != nil {
			return reloadChange{}, err
		}
		options := next.Sweeper.Options()
		options.Logger = r.log
		change, err := s.Change(clients, options, adopted)
		if err != nil {
			return reloadChange{}, err
		}
		return reloadChange{apply: func() {
			change()
			inForce = next.Sweeper
		}}, nil
	})
}

// addLog lets the lines about changes of state begin and end.
func (r *reloads) addLog(ledger *reservation.Ledger) {
	r.add("the log", func(next config.Config) (reloadChange, error) {
		return reloadChange{apply: func() { ledger.SetLogChanges(next.Log.Changes) }}, nil
	})
}

// start begins to listen, once every part has been added.
func (r *reloads) start(parts *lifecycle) error {
	if r.Asked == nil {
		return nil
	}
	if r.Read == nil {
		return errors.New("the configuration cannot be reloaded: nothing reads it")
	}
	parts.background("the reloads", r.run)
	return nil
}
