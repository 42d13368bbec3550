package deployments

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
)

// The API server takes a reference to nothing without a word. These tests do not.

func TestEverythingIsInTheNamespace(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		seen := map[string]bool{}
		for _, object := range b.objects {
			require.Empty(t, validation.IsDNS1123Label(object.GetName()), object.GetName())
			require.Equal(t, "stockhold", object.GetLabels()["app.kubernetes.io/part-of"], "%T %s", object, object.GetName())
			if _, isNamespace := object.(*corev1.Namespace); !isNamespace {
				require.Equal(t, "stockhold", object.GetNamespace(), "%T %s", object, object.GetName())
			}
			for key, value := range object.GetLabels() {
				require.Empty(t, validation.IsQualifiedName(key))
				require.Empty(t, validation.IsValidLabelValue(value))
			}
			seen[object.GetName()] = true
		}
		for _, p := range pods(b) {
			require.True(t, seen[p.template.Spec.ServiceAccountName], p.owner)
		}
	})
}

// A workload whose selector misses its own pods is refused by the API server.
func TestWorkloadsSelectTheirPods(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		for _, w := range all[*appsv1.Deployment](b) {
			require.True(t, matches(t, w.Spec.Selector, w.Spec.Template.Labels), w.Name)
			for _, spread := range w.Spec.Template.Spec.TopologySpreadConstraints {
				require.True(t, matches(t, spread.LabelSelector, w.Spec.Template.Labels), w.Name)
			}
		}
		for _, w := range all[*appsv1.StatefulSet](b) {
			require.True(t, matches(t, w.Spec.Selector, w.Spec.Template.Labels), w.Name)
			service := one[*corev1.Service](t, b, w.Spec.ServiceName)
			require.Equal(t, corev1.ClusterIPNone, service.Spec.ClusterIP)
		}
	})
}

// Pods of two workloads must not answer to one selector: a Service would send
// calls to a sweeper.
func TestServicesReachPortsOfOneWorkload(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		require.NotEmpty(t, all[*corev1.Service](b))
		for _, service := range all[*corev1.Service](b) {
			behind := selected(t, b, &metav1.LabelSelector{MatchLabels: service.Spec.Selector})
			require.Len(t, behind, 1, service.Name)
			for _, port := range service.Spec.Ports {
				require.Contains(t, portNames(behind[0].container(t)), port.TargetPort.StrVal, service.Name)
			}
		}
	})
}

func TestServiceSaysWhatItSpeaks(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		for _, name := range []string{"stockhold", "stockhold-pods"} {
			ports := one[*corev1.Service](t, b, name).Spec.Ports
			require.Len(t, ports, 1)
			require.Equal(t, map[bool]string{false: "kubernetes.io/h2c", true: "https"}[b.name == secured], ptr.Deref(ports[0].AppProtocol, ""))
		}
	})
}

// Two servers at least, one of which may always be gone; and on one node nothing
// that needs two.
func TestScaleAndDisruption(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		server := one[*appsv1.Deployment](t, b, "stockhold")
		update := server.Spec.Strategy.RollingUpdate
		require.Equal(t, intstr.FromInt32(0), *update.MaxUnavailable)
		require.Equal(t, intstr.FromInt32(1), *update.MaxSurge)
		if b.name == oneNode {
			require.Equal(t, int32(1), *server.Spec.Replicas)
			require.Empty(t, all[*policyv1.PodDisruptionBudget](b))
			require.Empty(t, all[*autoscalingv2.HorizontalPodAutoscaler](b))
			return
		}
		require.Equal(t, int32(2), *server.Spec.Replicas)
		budget := one[*policyv1.PodDisruptionBudget](t, b, "stockhold")
		require.Len(t, selected(t, b, budget.Spec.Selector), 1)
		require.Equal(t, 1, budget.Spec.MinAvailable.IntValue())

		scaler := one[*autoscalingv2.HorizontalPodAutoscaler](t, b, "stockhold")
		require.Equal(t, autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: server.Name},
			scaler.Spec.ScaleTargetRef)
		require.Equal(t, *server.Spec.Replicas, *scaler.Spec.MinReplicas)
		require.Greater(t, scaler.Spec.MaxReplicas, *scaler.Spec.MinReplicas)
		require.Len(t, scaler.Spec.Metrics, 1)
		require.Equal(t, corev1.ResourceCPU, scaler.Spec.Metrics[0].Resource.Name)
	})
}

func TestProbesAndVolumesNameWhatIsThere(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		for _, p := range pods(b) {
			c := p.container(t)
			for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
				if probe != nil && probe.HTTPGet != nil {
					require.Contains(t, portNames(c), probe.HTTPGet.Port.StrVal, p.owner)
				}
			}
			for _, mount := range c.VolumeMounts {
				require.Contains(t, volumes(t, b, p), mount.Name, p.owner)
			}
		}
	})
}

// The Secrets are made by whoever installs: docs/kubernetes.md tells of each, and of each key.
func TestSecretsAreDocumented(t *testing.T) {
	manual := document(t)
	inEach(t, func(t *testing.T, b build) {
		require.Empty(t, all[*corev1.Secret](b), "a password in a repository is none")
		for _, p := range pods(b) {
			for _, variable := range p.container(t).Env {
				if variable.ValueFrom == nil || variable.ValueFrom.SecretKeyRef == nil {
					continue
				}
				ref := variable.ValueFrom.SecretKeyRef
				command := regexp.MustCompile(`create secret generic ` + ref.Name + ` (?:.*\\\n)*.*`).FindString(manual)
				require.Contains(t, command, "--from-literal="+ref.Key+"=", "how is Secret %s made?", ref.Name)
			}
		}
	})
}

func TestCronJobAndMigrationEnd(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		sweep := one[*batchv1.CronJob](t, b, "stockhold-sweep").Spec
		require.Equal(t, batchv1.ForbidConcurrent, sweep.ConcurrencyPolicy)
		require.NotNil(t, sweep.SuccessfulJobsHistoryLimit)
		require.NotNil(t, sweep.FailedJobsHistoryLimit)
		require.GreaterOrEqual(t, *sweep.StartingDeadlineSeconds, int64(10), "the controller looks every ten seconds")
		for _, job := range []batchv1.JobSpec{sweep.JobTemplate.Spec, one[*batchv1.Job](t, b, "stockhold-migrate").Spec} {
			require.Positive(t, *job.ActiveDeadlineSeconds)
			require.Positive(t, *job.TTLSecondsAfterFinished)
			require.NotNil(t, job.BackoffLimit)
			require.Equal(t, corev1.RestartPolicyNever, job.Template.Spec.RestartPolicy, "the failure policy needs it")
			for _, rule := range job.PodFailurePolicy.Rules {
				if rule.OnExitCodes != nil {
					require.Equal(t, job.Template.Spec.Containers[0].Name, *rule.OnExitCodes.ContainerName)
				}
			}
		}
	})
}

// selected are the pods that a selector selects.
func selected(t *testing.T, b build, selector *metav1.LabelSelector) []pod {
	t.Helper()
	return slices.DeleteFunc(pods(b), func(p pod) bool { return !matches(t, selector, p.template.Labels) })
}

func portNames(c corev1.Container) []string {
	var names []string
	for _, port := range c.Ports {
		names = append(names, port.Name)
	}
	return names
}

// volumes are the names of a pod's volumes, those of a StatefulSet's claims
// included. A ConfigMap or a Secret that one is made of must be there.
func volumes(t *testing.T, b build, p pod) []string {
	t.Helper()
	var names []string
	for _, v := range p.template.Spec.Volumes {
		names = append(names, v.Name)
		if v.ConfigMap != nil && v.ConfigMap.Name != "kube-root-ca.crt" {
			one[*corev1.ConfigMap](t, b, v.ConfigMap.Name)
		}
	}
	for _, w := range all[*appsv1.StatefulSet](b) {
		if p.owner == "StatefulSet "+w.Name {
			for _, claim := range w.Spec.VolumeClaimTemplates {
				names = append(names, claim.Name)
			}
		}
	}
	return names
}
