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

// probePatience bounds one request for metrics or health.
const probePatience = 5 * time.Second

// Metric is the value of a series of a server's /metrics, labels included, as in
// stockhold_gate_freezes_total{outcome="away"}; 0 if it is not there (yet).
func (p *Process) Metric(ctx context.Context, series string) (float64, error) {
	_, body, err := p.probe(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), series+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, nil
}

// Series are the values of all series of a metric, by their labels as /metrics
// writes them, such as kind="duplicate".
func (p *Process) Series(ctx context.Context, metric string) (map[string]float64, error) {
	_, body, err := p.probe(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
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
