package deployments

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// pod is what a workload makes pods of.
type pod struct {
	owner    string // the workload's kind and name
	template corev1.PodTemplateSpec
}

// pods lists the pods of all workloads.
func pods(b build) []pod {
	var found []pod
	for _, object := range b.objects {
		switch w := object.(type) {
		case *appsv1.Deployment:
			found = append(found, pod{"Deployment " + w.Name, w.Spec.Template})
		case *appsv1.StatefulSet:
			found = append(found, pod{"StatefulSet " + w.Name, w.Spec.Template})
		case *batchv1.Job:
			found = append(found, pod{"Job " + w.Name, w.Spec.Template})
		case *batchv1.CronJob:
			found = append(found, pod{"CronJob " + w.Name, w.Spec.JobTemplate.Spec.Template})
		}
	}
	return found
}

// podOf is the pod of one workload, such as "Deployment stockhold".
func podOf(t *testing.T, b build, owner string) pod {
	t.Helper()
	i := slices.IndexFunc(pods(b), func(p pod) bool { return p.owner == owner })
	require.GreaterOrEqual(t, i, 0, "%s has no %s", b.name, owner)
	return pods(b)[i]
}

// container is the only one of a pod.
func (p pod) container(t *testing.T) corev1.Container {
	t.Helper()
	require.Len(t, p.template.Spec.Containers, 1, p.owner)
	require.Empty(t, p.template.Spec.InitContainers, p.owner)
	return p.template.Spec.Containers[0]
}

// ours reports whether the pod runs stockhold.
func (p pod) ours() bool { return p.template.Labels["app.kubernetes.io/name"] == "stockhold" }

// ourPods are the pods that run stockhold: there must be three, of each build.
func ourPods(t *testing.T, b build) []pod {
	t.Helper()
	found := slices.DeleteFunc(pods(b), func(p pod) bool { return !p.ours() })
	require.Len(t, found, 3, "a server, a sweeper and a migration")
	return found
}

// matches reports whether a selector selects a pod.
func matches(t *testing.T, selector *metav1.LabelSelector, podLabels map[string]string) bool {
	t.Helper()
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	require.NoError(t, err)
	return compiled.Matches(labels.Set(podLabels))
}

// secrets are the contents of the Secrets, by name and key: those are not in the
// repository.
type secrets map[string]map[string]string

// environment is what the kubelet would start a container with, in the order of
// its rules: ConfigMaps first, then the variables, which may name earlier ones.
func (p pod) environment(t *testing.T, b build, known secrets) map[string]string {
	t.Helper()
	c := p.container(t)
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		require.NotNil(t, from.ConfigMapRef, "%s: only ConfigMaps are read whole", p.owner)
		require.Empty(t, from.Prefix)
		for name, value := range one[*corev1.ConfigMap](t, b, from.ConfigMapRef.Name).Data {
			env[name] = value
		}
	}
	for _, variable := range c.Env {
		env[variable.Name] = p.value(t, variable, env, known)
	}
	return env
}

func (p pod) value(t *testing.T, variable corev1.EnvVar, env map[string]string, known secrets) string {
	t.Helper()
	from := variable.ValueFrom
	switch {
	case from == nil:
		return expand(variable.Value, env)
	case from.SecretKeyRef != nil:
		value, found := known[from.SecretKeyRef.Name][from.SecretKeyRef.Key]
		require.True(t, found, "%s: no Secret %s with a key %s", p.owner, from.SecretKeyRef.Name, from.SecretKeyRef.Key)
		return value
	case from.ResourceFieldRef != nil:
		return p.resource(t, from.ResourceFieldRef)
	}
	require.Failf(t, "unknown source", "%s: %s", p.owner, variable.Name)
	return ""
}

// resource is the value of a request or limit, in its unit.
func (p pod) resource(t *testing.T, field *corev1.ResourceFieldSelector) string {
	t.Helper()
	c := p.container(t)
	require.Equal(t, c.Name, field.ContainerName)
	require.True(t, field.Divisor.IsZero(), "%s: only whole units are read here", p.owner)
	list := map[string]corev1.ResourceList{"requests": c.Resources.Requests, "limits": c.Resources.Limits}
	kind, name, _ := strings.Cut(field.Resource, ".")
	quantity, found := list[kind][corev1.ResourceName(name)]
	require.True(t, found, "%s: has no %s", p.owner, field.Resource)
	return fmt.Sprint(quantity.Value())
}

// arguments are the command line, with the variables it names put in.
func (p pod) arguments(t *testing.T, env map[string]string) []string {
	t.Helper()
	c := p.container(t)
	require.Empty(t, c.Command, "%s: the image's entry point is what runs", p.owner)
	var args []string
	for _, arg := range c.Args {
		args = append(args, expand(arg, env))
	}
	return args
}

// expand puts variables in for $(NAME), as the kubelet does.
func expand(text string, env map[string]string) string {
	for name, value := range env {
		text = strings.ReplaceAll(text, "$("+name+")", value)
	}
	return text
}
