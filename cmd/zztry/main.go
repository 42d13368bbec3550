package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"time"

	"stockhold/internal/app"
	"stockhold/internal/config"
	"stockhold/internal/demo"
	"stockhold/internal/telemetry"
	"stockhold/internal/testservers"
)

func main() {
	o := demo.Defaults()
	flag.StringVar(&o.Orders, "orders", "", "")
	flag.IntVar(&o.Limit, "limit", 0, "")
	flag.IntVar(&o.Workers, "workers", o.Workers, "")
	dsn := flag.String("dsn", "", "")
	url := flag.String("redis", "", "")
	js := flag.Bool("json", false, "")
	real := flag.Bool("real", false, "")
	flag.Parse()
	go func() {
		var most uint64
		for {
			time.Sleep(300 * time.Millisecond)
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapAlloc > most+20<<20 {
				most = m.HeapAlloc
				f, _ := os.Create("/tmp/zz.heap")
				pprof.WriteHeapProfile(f)
				f.Close()
				fmt.Fprintln(os.Stderr, "heap", most>>20, "sys", m.Sys>>20, "gor", runtime.NumGoroutine())
			}
		}
	}()
	if *real {
		m, err := testservers.StartMariaDB(context.Background(), testservers.MariaDBOptions{})
		if err != nil {
			panic(err)
		}
		defer m.Close()
		if err := m.CreateDatabase(context.Background(), "demo"); err != nil {
			panic(err)
		}
		rd, err := testservers.StartRedis(context.Background(), testservers.RedisOptions{})
		if err != nil {
			panic(err)
		}
		defer rd.Close()
		*dsn, *url = m.DSN("demo"), rd.URL()
	}
	cfg := config.Default()
	cfg.Stores.MySQLDSN, cfg.Stores.RedisURL = *dsn, *url
	cfg.Server.Migrate = true
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o.Progress = os.Stderr
	if p := os.Getenv("PROF"); p != "" {
		f, _ := os.Create(p)
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	log, _ := telemetry.NewLogger(os.Stderr, "warn", "text")
	slog.SetDefault(log)
	r, err := app.Demo(ctx, cfg, o, log)
	if *js {
		json.NewEncoder(os.Stdout).Encode(r)
	} else {
		r.WriteTable(os.Stdout)
	}
	fmt.Println(err)
}
