package deployments

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// end is one end of a connection: a pod, or an address outside of the cluster.
type end struct {
	namespace map[string]string // its labels
	pod       map[string]string
	ports     map[string]int32 // by name
	address   string           // outside of the cluster
}

const nameLabel = "kubernetes.io/metadata.name"

func outside(address string) end { return end{address: address} }

func strangers(labels map[string]string) end { return end{namespace: labels} }

// inside is a workload of the build itself.
func inside(t *testing.T, b build, owner string) end {
	t.Helper()
	p := podOf(t, b, owner)
	ports := map[string]int32{}
	for _, port := range p.container(t).Ports {
		ports[port.Name] = port.ContainerPort
	}
	return end{namespace: map[string]string{nameLabel: "stockhold"}, pod: p.template.Labels, ports: ports}
}

// passes reports whether the policies let a connection through, by the rules of
// the Kubernetes API: a pod that a policy of a direction selects is closed in that
// direction but for what some policy names.
func passes(t *testing.T, b build, from, to end, protocol corev1.Protocol, port int32) bool {
	t.Helper()
	var out, in side
	for _, policy := range all[*networkingv1.NetworkPolicy](b) {
		for _, direction := range policy.Spec.PolicyTypes {
			switch {
			case direction == networkingv1.PolicyTypeEgress && governs(t, policy, from):
				out.closed = true
				for _, rule := range policy.Spec.Egress {
					out.let = out.let || peerIn(t, rule.To, to) && portIn(rule.Ports, protocol, port, to)
				}
			case direction == networkingv1.PolicyTypeIngress && governs(t, policy, to):
				in.closed = true
				for _, rule := range policy.Spec.Ingress {
					in.let = in.let || peerIn(t, rule.From, from) && portIn(rule.Ports, protocol, port, to)
				}
			}
		}
	}
	return out.passes() && in.passes()
}

// side is one direction of one pod.
type side struct{ closed, let bool }

func (s side) passes() bool { return !s.closed || s.let }

func governs(t *testing.T, policy *networkingv1.NetworkPolicy, e end) bool {
	t.Helper()
	return e.namespace[nameLabel] == policy.Namespace && matches(t, &policy.Spec.PodSelector, e.pod)
}

func peerIn(t *testing.T, peers []networkingv1.NetworkPolicyPeer, e end) bool {
	t.Helper()
	for _, peer := range peers {
		if peer.IPBlock != nil {
			if e.address != "" && netip.MustParsePrefix(peer.IPBlock.CIDR).Contains(netip.MustParseAddr(e.address)) {
				return true
			}
			continue
		}
		own := peer.NamespaceSelector == nil && e.namespace[nameLabel] == "stockhold"
		if e.address != "" || !own && (peer.NamespaceSelector == nil || !matches(t, peer.NamespaceSelector, e.namespace)) {
			continue
		}
		if peer.PodSelector == nil || matches(t, peer.PodSelector, e.pod) {
			return true
		}
	}
	return len(peers) == 0
}

func portIn(ports []networkingv1.NetworkPolicyPort, protocol corev1.Protocol, number int32, to end) bool {
	for _, port := range ports {
		if port.Protocol != nil && *port.Protocol != protocol {
			continue
		}
		switch {
		case port.Port == nil:
			return true
		case port.Port.Type == intstr.String && to.ports[port.Port.StrVal] == number:
			return true
		case port.Port.Type == intstr.Int && port.Port.IntVal == number:
			return true
		}
	}
	return len(ports) == 0
}

// Each connection that the pods need gets through, and the ones nobody should make do not.
func TestNetworkPolicies(t *testing.T) {
	var (
		dns      = end{namespace: map[string]string{nameLabel: "kube-system"}, pod: map[string]string{"k8s-app": "kube-dns"}}
		shop     = strangers(map[string]string{nameLabel: "shop", "stockhold/access": "true"})
		stranger = strangers(map[string]string{nameLabel: "games"})
		monitor  = strangers(map[string]string{nameLabel: "monitoring"})
		internet = outside("203.0.113.7")
		database = outside("10.1.2.3")

		apiServer = outside("10.0.0.1")
	)
	inEach(t, func(t *testing.T, b build) {
		server, sweeper, migrate := inside(t, b, "Deployment stockhold"), inside(t, b, "CronJob stockhold-sweep"), inside(t, b, "Job stockhold-migrate")
		may := func(from, to end, protocol corev1.Protocol, port int32) {
			t.Helper()
			require.True(t, passes(t, b, from, to, protocol, port), "%v to %v, port %d", from, to, port)
		}
		mayNot := func(from, to end, protocol corev1.Protocol, port int32) {
			t.Helper()
			require.False(t, passes(t, b, from, to, protocol, port), "%v to %v, port %d", from, to, port)
		}
		for _, p := range []end{server, sweeper, migrate} {
			may(p, dns, corev1.ProtocolUDP, 53)
			may(p, dns, corev1.ProtocolTCP, 53)
			may(p, outside("169.254.20.10"), corev1.ProtocolUDP, 53)
			mayNot(p, dns, corev1.ProtocolTCP, 9153)
			mayNot(p, internet, corev1.ProtocolTCP, 80)
			mayNot(p, outside("169.254.169.254"), corev1.ProtocolTCP, 80) // the cloud's keys
			mayNot(p, stranger, corev1.ProtocolTCP, 8080)
		}
		may(shop, server, corev1.ProtocolTCP, 8080)
		mayNot(shop, server, corev1.ProtocolTCP, 9090)
		for _, p := range []end{server, sweeper} {
			for _, port := range []int32{4317, 4318} {
				require.Equal(t, b.name == traced, passes(t, b, p, monitor, corev1.ProtocolTCP, port), "the collector's port %d", port)
			}
			mayNot(p, monitor, corev1.ProtocolTCP, 8080)
			mayNot(p, internet, corev1.ProtocolTCP, 4318)
		}
		mayNot(migrate, monitor, corev1.ProtocolTCP, 4318)
		may(monitor, server, corev1.ProtocolTCP, 9090)
		mayNot(monitor, server, corev1.ProtocolTCP, 8080)
		may(server, apiServer, corev1.ProtocolTCP, 6443)
		may(server, apiServer, corev1.ProtocolTCP, 443)
		mayNot(sweeper, apiServer, corev1.ProtocolTCP, 6443)
		mayNot(migrate, apiServer, corev1.ProtocolTCP, 443)
		mayNot(stranger, server, corev1.ProtocolTCP, 8080)
		mayNot(internet, server, corev1.ProtocolTCP, 8080)
		mayNot(shop, sweeper, corev1.ProtocolTCP, 8080)
		may(server, shop, corev1.ProtocolTCP, 8080)
		may(sweeper, shop, corev1.ProtocolTCP, 9000)
		mayNot(migrate, shop, corev1.ProtocolTCP, 8080)

		mysql, redis := database, database
		if b.name == oneNode {
			mysql, redis = inside(t, b, "StatefulSet mysql"), inside(t, b, "StatefulSet redis")
			mayNot(server, database, corev1.ProtocolTCP, 3306)
			mayNot(server, database, corev1.ProtocolTCP, 6379)
			for _, store := range []end{mysql, redis} {
				for _, from := range []end{shop, stranger, monitor, internet} {
					mayNot(from, store, corev1.ProtocolTCP, 3306)
					mayNot(from, store, corev1.ProtocolTCP, 6379)
				}
				mayNot(store, internet, corev1.ProtocolTCP, 443)
				mayNot(store, server, corev1.ProtocolTCP, 8080)
			}
			mayNot(redis, mysql, corev1.ProtocolTCP, 3306)
		}
		for _, p := range []end{server, sweeper, migrate} {
			may(p, mysql, corev1.ProtocolTCP, 3306)
		}
		may(server, redis, corev1.ProtocolTCP, 6379)
		may(sweeper, redis, corev1.ProtocolTCP, 6379)
		mayNot(migrate, redis, corev1.ProtocolTCP, 6379)
	})
}

// A policy that selects nothing is a mistake in a label, and protects nothing.
func TestPoliciesSelectPods(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		policies := all[*networkingv1.NetworkPolicy](b)
		require.NotEmpty(t, policies)
		for _, policy := range policies {
			require.NotEmpty(t, selected(t, b, &policy.Spec.PodSelector), policy.Name)
		}
		closed := one[*networkingv1.NetworkPolicy](t, b, "default-deny").Spec
		require.Equal(t, metav1.LabelSelector{}, closed.PodSelector)
		require.ElementsMatch(t, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}, closed.PolicyTypes)
	})
}
