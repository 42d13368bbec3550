package monitoring

import (
	"bytes"
	"encoding/json"
	"fmt"
)

type (
	object = map[string]any
	list   = []any
)

// Grafana's grid is 24 wide.
const (
	panelWidth  = 8
	panelHeight = 7
	gridWidth   = 24
)

// Dashboard is the JSON of the dashboard, as Grafana imports it.
func Dashboard() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(dashboard()); err != nil {
		return nil, fmt.Errorf("encode the dashboard: %w", err)
	}
	return out.Bytes(), nil
}

func dashboard() object {
	return object{
		"uid":           "stockhold",
		"title":         "stockhold",
		"description":   "What stockhold does and how its stores are. What each metric means: docs/telemetry.md. What to do about an alert: docs/operations.md.",
		"tags":          list{"stockhold"},
		"editable":      true,
		"graphTooltip":  1, // one crosshair for all
		"refresh":       "30s",
		"schemaVersion": 39,
		"time":          object{"from": "now-3h", "to": "now"},
		"templating": object{"list": list{
			object{"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"},
			variable("job", "Job", `label_values(stockhold_build_info, job)`),
			variable("instance", "Server", `label_values(stockhold_build_info{job=~"$job"}, instance)`),
		}},
		"panels": layout(),
	}
}

func variable(name, label, query string) object {
	return object{
		"name": name, "label": label, "type": "query", "datasource": source(), "query": query, "definition": query,
		"includeAll": true, "multi": true, "allValue": ".*", "refresh": 2, "sort": 1,
		"current": object{"text": "All", "value": "$__all"},
	}
}

func source() object { return object{"type": "prometheus", "uid": "${source}"} }

// layout puts the rows one below the other, three panels side by side.
func layout() list {
	var panels list
	id, y := 0, 0
	place := func(x, width, height int) object {
		id++
		return object{"x": x, "y": y, "w": width, "h": height}
	}
	for _, r := range rows {
		at := place(0, gridWidth, 1)
		panels = append(panels, object{"id": id, "type": "row", "title": r.title, "collapsed": false, "gridPos": at, "panels": list{}})
		y++
		for i, p := range r.panels {
			if i > 0 && i%(gridWidth/panelWidth) == 0 {
				y += panelHeight
			}
			at := place(i*panelWidth%gridWidth, panelWidth, panelHeight)
			panels = append(panels, p.draw(id, at))
		}
		y += panelHeight
	}
	return panels
}

func (p panel) draw(id int, at object) object {
	kind, options := "timeseries", object{
		"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"},
	}
	if p.stat {
		kind, options = "stat", object{"reduceOptions": object{"calcs": list{"lastNotNull"}}, "colorMode": "none"}
	}
	targets := make(list, len(p.queries))
	for i, q := range p.queries {
		targets[i] = object{"refId": string(rune('A' + i)), "datasource": source(), "expr": q.expr, "legendFormat": q.legend}
	}
	return object{
		"id": id, "type": kind, "title": p.title, "description": p.means, "gridPos": at, "datasource": source(), "targets": targets,
		"fieldConfig": object{"defaults": object{"unit": p.unit, "min": 0}, "overrides": list{}}, "options": options,
	}
}
