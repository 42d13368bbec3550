package deployments

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"stockhold/internal/app"
)

// The kubelet kills what has not ended by then: more than the program takes at most.
func TestGracePeriodIsLongEnough(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		for _, owner := range []string{"Deployment stockhold", "CronJob stockhold-sweep"} {
			p := podOf(t, b, owner)
			require.Greater(t, grace(p), app.StopPatience(settings(t, b, p)), owner)
		}
		for _, p := range pods(b) {
			require.GreaterOrEqual(t, grace(p), 30*time.Second, p.owner)
		}
	})
}

// While a pod drains it still answers until nobody sends it anything any more:
// the readiness probe has failed by then, and endpoints and proxies have heard of it.
func TestDrainDelayOutlastsReadiness(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		p := podOf(t, b, "Deployment stockhold")
		require.Greater(t, settings(t, b, p).Server.DrainDelay, budget(p.container(t).ReadinessProbe))
	})
}

// A start waits for MySQL: the kubelet, and the deadline of a Job, must wait longer.
func TestStartsMayWaitForMySQL(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		server := podOf(t, b, "Deployment stockhold")
		require.Greater(t, budget(server.container(t).StartupProbe), settings(t, b, server).Stores.MySQLWait)

		sweep := one[*batchv1.CronJob](t, b, "stockhold-sweep").Spec.JobTemplate.Spec
		cfg := settings(t, b, podOf(t, b, "CronJob stockhold-sweep"))
		require.Greater(t, seconds(sweep.ActiveDeadlineSeconds), cfg.Stores.MySQLWait+cfg.Sweeper.Lease)

		migrate := one[*batchv1.Job](t, b, "stockhold-migrate").Spec
		require.Greater(t, seconds(migrate.ActiveDeadlineSeconds), time.Duration(*migrate.BackoffLimit+1)*
			settings(t, b, podOf(t, b, "Job stockhold-migrate")).Stores.MySQLWait)
	})
}

// The heap stays within the memory that the pod asked for, and the limit leaves room beyond it.
func TestMemoryLimitLeavesRoom(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		for _, owner := range []string{"Deployment stockhold", "CronJob stockhold-sweep"} {
			memory := podOf(t, b, owner).container(t).Resources
			request, limit := memory.Requests[corev1.ResourceMemory], memory.Limits[corev1.ResourceMemory]
			require.GreaterOrEqual(t, limit.Value(), request.Value()*5/4, owner)
		}
	})
}

// MySQL has connections for all the pods that there may be at once, sweepers and
// a migration included.
func TestConnections(t *testing.T) {
	for _, tt := range []struct {
		build string
		limit int // of the database
	}{{oneNode, argument(t, podOf(t, buildOf(t, oneNode), "StatefulSet mysql"), "--max-connections")}, {base, documentedConnections(t)}} {
		b := buildOf(t, tt.build)
		server := one[*appsv1.Deployment](t, b, "stockhold")
		most := *server.Spec.Replicas
		for _, scaler := range all[*autoscalingv2.HorizontalPodAutoscaler](b) {
			most = max(most, scaler.Spec.MaxReplicas)
		}
		most += int32(server.Spec.Strategy.RollingUpdate.MaxSurge.IntValue()) + 2 // a sweeper, a migration
		each := settings(t, b, podOf(t, b, "Deployment stockhold")).Stores.MySQLConnections
		require.GreaterOrEqual(t, tt.limit, int(most)*each, tt.build)
	}
}

func grace(p pod) time.Duration { return seconds(p.template.Spec.TerminationGracePeriodSeconds) }

func seconds(n *int64) time.Duration { return time.Duration(*n) * time.Second }

// budget is how long a probe may fail before something comes of it.
func budget(probe *corev1.Probe) time.Duration {
	return time.Duration(probe.PeriodSeconds*probe.FailureThreshold) * time.Second
}
