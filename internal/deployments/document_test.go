package deployments

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// document is docs/kubernetes.md.
func document(t *testing.T) string {
	t.Helper()
	return documentOf(t, "kubernetes.md")
}

func documentOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", name))
	require.NoError(t, err)
	return string(text)
}

// documentedYAML is the block of YAML that the document shows with some text in it.
func documentedYAML(t *testing.T, part string) string {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(document(t), -1) {
		if strings.Contains(block[1], part) {
			return block[1]
		}
	}
	require.Failf(t, "not there", "docs/kubernetes.md shows no YAML with %s", part)
	return ""
}

// documentedConnections is what it asks of max_connections.
func documentedConnections(t *testing.T) int {
	t.Helper()
	found := regexp.MustCompile("`max_connections` of ([0-9]+)").FindStringSubmatch(document(t))
	require.Len(t, found, 2)
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}

// What the document names is there: files, and objects that its commands work on.
func TestDocumentNamesWhatIsThere(t *testing.T) {
	text := document(t)
	for _, path := range regexp.MustCompile(`deploy/kubernetes(/[\w./-]*\w)?`).FindAllString(text, -1) {
		_, err := os.Stat(filepath.Join(root, path))
		require.NoError(t, err)
	}
	names := map[string]bool{}
	for _, b := range everyBuild(t) {
		for _, object := range b.objects {
			names[object.GetName()] = true
		}
	}
	for _, found := range regexp.MustCompile(`\b(?:job|deployment|cronjob|service|statefulset)/([\w-]+)`).FindAllStringSubmatch(text, -1) {
		require.True(t, names[found[1]], "docs/kubernetes.md names %s, which no build makes", found[0])
	}
}

// The first step of an upgrade applies the migration with all that it needs, and
// neither servers nor sweepers.
func TestUpgradeMigratesFirst(t *testing.T) {
	written := regexp.MustCompile(`-l '([^']+)'`).FindStringSubmatch(document(t))
	require.Len(t, written, 2)
	selector, err := labels.Parse(written[1])
	require.NoError(t, err)
	inEach(t, func(t *testing.T, b build) {
		for _, object := range b.objects {
			first := selector.Matches(labels.Set(object.GetLabels()))
			switch object := object.(type) {
			case *batchv1.Job, *corev1.Namespace, *corev1.ConfigMap, *corev1.ServiceAccount, *networkingv1.NetworkPolicy:
				require.True(t, first, "%T %s", object, object.GetName())
			case *appsv1.Deployment, *batchv1.CronJob:
				require.False(t, first, "%T %s", object, object.GetName())
			}
		}
	})
}
