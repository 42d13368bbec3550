package monitoring

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// page is what /metrics said: the families by name.
type page map[string]*dto.MetricFamily

func readPage(t *testing.T, web *http.Client, url string) page {
	t.Helper()
	answer, err := web.Get(url + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	return families
}

// series are the labels of each series of a name, as a query sees it.
func (p page) series(name string) (all []map[string]string) {
	family := p[name]
	if family == nil {
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(name, end); ok && p[base].GetType() == dto.MetricType_HISTOGRAM {
				family = p[base]
			}
		}
	}
	for _, m := range family.GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if strings.HasSuffix(name, "_bucket") {
			labels["le"] = "+Inf"
		}
		all = append(all, labels)
	}
	return all
}

// matching are those that a selector selects. Labels that Prometheus gives to a
// target are not looked at, nor what a dashboard's variables choose.
func (p page) matching(s selector) (all []map[string]string) {
	for _, labels := range p.series(s.name) {
		if s.matches(labels) {
			all = append(all, labels)
		}
	}
	return all
}

func (s selector) matches(labels map[string]string) bool {
	for _, m := range s.matchers {
		if m.label == "job" || m.label == "instance" {
			continue
		}
		value, ok := labels[m.label]
		if !ok {
			return false // a label that a series does not have is a mistake, whatever it is compared to
		}
		is := value == m.value
		if strings.HasSuffix(m.operator, "~") {
			is = regexp.MustCompile("^(?:" + m.value + ")$").MatchString(value)
		}
		if is == strings.HasPrefix(m.operator, "!") {
			return false
		}
	}
	return true
}
