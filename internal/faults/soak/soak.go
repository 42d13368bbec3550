package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// storm lets load and faults meet, and heals what is left of the faults.
func (w *world) storm(ctx context.Context, o options, schedule []Fault, l *load, shown *progress) (Report, error) {
	report := Report{Seed: o.seed, Without: o.without, Faults: map[string]int64{}}
	began := time.Now()
	selling, closed := context.WithTimeout(ctx, o.length)
	defer closed()
	watching, enough := context.WithCancel(context.WithoutCancel(ctx))
	defer enough()

	var quiet silence
	var shop, watchers sync.WaitGroup
	shop.Go(func() { l.run(selling) })
	watchers.Go(func() { quiet.listen(selling, l.heard, w.outages.Load) })
	watchers.Go(func() { w.counter.watch(watching, w.servers) })
	watchers.Go(func() {
		for selling.Err() == nil {
			shown.tick(l.heard())
			pause(selling, 500*ms)
		}
	})

	var dead []string
	err := w.play(selling, schedule, func(f Fault) {
		dead = append(dead, w.dead()...) // before this buries the evidence
		shown.fault(f)
		report.Faults[f.Sort()]++
	})
	if err == nil {
		<-selling.Done()
		err = w.heal(context.WithoutCancel(ctx))
	}
	closed()
	shop.Wait()
	enough()
	watchers.Wait()
	report.Ran = Seconds(time.Since(began))
	report.Interrupted = ctx.Err() != nil
	report.Silence, report.SilenceUp = Seconds(quiet.Worst), Seconds(quiet.BothUp)
	report.Broken = append(report.Broken, dead...)
	return report, err
}

// judge waits until the system is at rest, and holds its books against the shop's.
func (w *world) judge(ctx context.Context, l *load, report *Report) {
	report.Broken = append(report.Broken, w.dead()...)
	client := w.servers[0].Client
	if err := w.rest(ctx, report); err != nil {
		report.Broken = append(report.Broken, fmt.Sprintf("the system does not come to rest: %v", err))
	}
	verdict, err := l.verify(ctx, client)
	if err != nil {
		report.Broken = append(report.Broken, err.Error())
	}
	report.Orders, report.Held, report.Lost, report.Oversold = verdict.Orders, verdict.Held, verdict.Lost, verdict.Oversold
	report.Broken = append(report.Broken, verdict.Mismatches...)
	if verdict.Held == 0 {
		report.Broken = append(report.Broken, "nothing was sold: there was no promise to keep")
	}
	for _, p := range w.processes() { // also what ended while a fault was about to kill it
		if err := p.Failed(); err != nil {
			why, _, _ := strings.Cut(err.Error(), "\n") // its log is kept
			report.Broken = append(report.Broken, why)
		}
	}

	for _, s := range w.servers {
		w.counter.read(ctx, s.Process())
	}
	counts := l.counts()
	report.Calls, report.OK, report.Replays = counts.Calls, counts.OK, counts.Replays
	report.Refusals, report.NoAnswer, report.NeverSent = counts.Refusals, counts.NoAnswer, counts.Lost
	report.Slowest = Seconds(counts.Slowest)
	report.Interceptions = w.counter.kinds()
	report.CommitsLost, report.CommitsAgain = w.commits.Load(), w.counter.commitsRunAgain()
	if report.CommitsLost >= commitsLost && report.CommitsAgain == 0 {
		report.Broken = append(report.Broken, fmt.Sprintf("%d replies to COMMIT were lost, and no server ran a batch again for that", report.CommitsLost))
	}
	report.Questions = w.site.Desk.Asked()
}

// commitsLost is how many replies to COMMIT must be lost for some server to say so:
// a few may have been a sweeper's, or of a process that died before it was asked.
const commitsLost = 5

// restWithin is the longest that the system may take to come to rest.
const restWithin = 90 * time.Second

// rest waits until nothing is held and the audit is clean, and notes how long that
// took and what it waited for last.
func (w *world) rest(ctx context.Context, report *Report) error {
	ctx, cancel := context.WithTimeout(ctx, restWithin)
	defer cancel()
	began := time.Now()
	for {
		why := w.site.Unrest(ctx, w.servers[0].Client)
		if why == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.New(report.WaitedFor) // by now there is only the end of patience
		}
		report.Converged, report.WaitedFor = Seconds(time.Since(began)), why.Error()
		pause(ctx, 100*ms)
	}
}

// keepLogs keeps the report and the logs of all processes and both stores.
func (w *world) keepLogs(report Report) (string, error) {
	folder, err := os.MkdirTemp("", "stockhold-soak-")
	if err != nil {
		return "", err
	}
	report.Logs = folder
	errs := []error{
		report.WriteFile(filepath.Join(folder, "report.json")),
		os.WriteFile(filepath.Join(folder, "mariadb.log"), []byte(w.site.DB.Log()), 0o644),
		os.WriteFile(filepath.Join(folder, "redis.log"), []byte(w.site.Redis.Log()), 0o644),
	}
	for _, p := range w.processes() {
		errs = append(errs, os.WriteFile(filepath.Join(folder, fmt.Sprintf("process-%d.log", p.Pid())), []byte(p.Log()), 0o644))
	}
	return folder, errors.Join(errs...)
}
