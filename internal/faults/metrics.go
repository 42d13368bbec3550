package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// probePatience bounds one request for metrics or health, and pagePatience how long
// a busy process is asked for its metrics again and again.
const (
	probePatience = 5 * time.Second
	pagePatience  = 30 * time.Second
)

// Metric is the value of a series of a server's /metrics, labels included, as in
// stockhold_gate_freezes_total{outcome="away"}. A series of a metric that is there
// under other labels only is 0: what it counts has not happened yet. A metric that
// is not there at all is an error, so that a name that nobody exports is never
// taken for one that stays 0.
func (p *Process) Metric(ctx context.Context, series string) (float64, error) {
	name, labels, _ := strings.Cut(series, "{")
	all, err := p.Series(ctx, name)
	if err != nil {
		return 0, err
	}
	if len(all) == 0 {
		return 0, fmt.Errorf("process %d exports no metric %s", p.Pid(), name)
	}
	return all[strings.TrimSuffix(labels, "}")], nil
}

// Series are the values of all series of a metric, by their labels as /metrics
// writes them, such as kind="duplicate"; none if it is not there (yet).
func (p *Process) Series(ctx context.Context, metric string) (map[string]float64, error) {
	page, err := p.page(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(page)); lines.Scan(); {
		line := lines.Text()
		end := strings.LastIndexByte(line, ' ') // labels may have spaces, values have none
		if end < 0 {
			continue
		}
		series, value := line[:end], line[end+1:]
		labels, ok := strings.CutPrefix(series, metric)
		if !ok || labels != "" && labels[0] != '{' {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", series, err)
		}
		all[strings.Trim(labels, "{}")] = number
	}
	return all, nil
}

// page is a process's /metrics. A machine with more to do than it can may make a
// probe fail; only a process that never answers has no metrics.
func (p *Process) page(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, pagePatience)
	defer cancel()
	for {
		status, body, err := p.probe(ctx, "/metrics")
		if err == nil && status == http.StatusOK {
			return body, nil
		}
		if err == nil {
			err = fmt.Errorf("status %d: %s", status, strings.TrimSpace(body))
		}
		select {
		case <-p.ended:
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
			continue
		}
		return "", fmt.Errorf("read the metrics of process %d: %w", p.Pid(), err)
	}
}

// Ready asks a server's /readyz: the error is why it is not ready.
func (p *Process) Ready(ctx context.Context) error {
	status, body, err := p.probe(ctx, "/readyz")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, strings.TrimSpace(body))
	}
	return err
}

// probe uses a connection of its own: probes come seldom, and leave nothing behind.
func (p *Process) probe(ctx context.Context, path string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}
