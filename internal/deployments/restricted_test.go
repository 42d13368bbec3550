package deployments

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// The namespace enforces the restricted Pod Security Standard, so a pod that
// breaks one of its rules is never started.
func TestPodsAreRestricted(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		namespace := one[*corev1.Namespace](t, b, "stockhold")
		require.Equal(t, "restricted", namespace.Labels["pod-security.kubernetes.io/enforce"])
		for _, p := range pods(b) {
			require.Empty(t, violations(p.template.Spec), p.owner)
		}
	})
}

// Beyond the standard: no token, nothing to write to but named volumes, and
// nothing that runs as the root group.
func TestPodsHaveNoTokenAndNothingToWrite(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		for _, account := range all[*corev1.ServiceAccount](b) {
			require.False(t, ptr.Deref(account.AutomountServiceAccountToken, true), account.Name)
		}
		for _, p := range pods(b) {
			spec := p.template.Spec
			require.False(t, ptr.Deref(spec.AutomountServiceAccountToken, true), p.owner)
			require.False(t, ptr.Deref(spec.EnableServiceLinks, true), p.owner)
			require.NotZero(t, ptr.Deref(spec.SecurityContext.RunAsGroup, 0), p.owner)
			require.True(t, ptr.Deref(p.container(t).SecurityContext.ReadOnlyRootFilesystem, false), p.owner)
		}
	})
}

// Everything has requests, for the scheduler, and limits: one that runs away
// takes nothing from its neighbors.
func TestResourcesAreBounded(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		for _, p := range pods(b) {
			resources := p.container(t).Resources
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				request, limit := resources.Requests[name], resources.Limits[name]
				require.Positive(t, request.Sign(), "%s: %s", p.owner, name)
				require.GreaterOrEqual(t, limit.Cmp(request), 0, "%s: %s", p.owner, name)
			}
		}
	})
}

// violations are the rules of the restricted profile, and of the baseline that it
// contains, which a pod breaks, in the order of the standard's own table.
func violations(spec corev1.PodSpec) []string {
	var broken []string
	rule := func(name string, kept bool) {
		if !kept {
			broken = append(broken, name)
		}
	}
	ofPod := ptr.Deref(spec.SecurityContext, corev1.PodSecurityContext{})
	rule("host process", ofPod.WindowsOptions == nil)
	rule("host namespaces", !spec.HostNetwork && !spec.HostPID && !spec.HostIPC)
	rule("sysctls", len(ofPod.Sysctls) == 0)
	rule("AppArmor", ofPod.AppArmorProfile == nil || ofPod.AppArmorProfile.Type != corev1.AppArmorProfileTypeUnconfined)
	rule("SELinux", ofPod.SELinuxOptions == nil)
	rule("volume types", !slices.ContainsFunc(spec.Volumes, forbiddenVolume))
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		own := ptr.Deref(c.SecurityContext, corev1.SecurityContext{})
		rule("privileged", !ptr.Deref(own.Privileged, false))
		rule("privilege escalation", !ptr.Deref(own.AllowPrivilegeEscalation, true))
		rule("/proc mount type", own.ProcMount == nil || *own.ProcMount == corev1.DefaultProcMount)
		rule("host ports", !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 }))
		rule("host probes", !slices.ContainsFunc(hosts(c), func(host string) bool { return host != "" }))
		rule("running as non-root", ptr.Deref(own.RunAsNonRoot, ptr.Deref(ofPod.RunAsNonRoot, false)))
		rule("running as non-root user", ptr.Deref(own.RunAsUser, ptr.Deref(ofPod.RunAsUser, 0)) != 0)
		rule("seccomp", confined(own.SeccompProfile) || own.SeccompProfile == nil && confined(ofPod.SeccompProfile))
		capabilities := ptr.Deref(own.Capabilities, corev1.Capabilities{})
		rule("capabilities", slices.Contains(capabilities.Drop, "ALL") && len(capabilities.Add) == 0)
	}
	return broken
}

func forbiddenVolume(v corev1.Volume) bool {
	s := v.VolumeSource
	return s.ConfigMap == nil && s.CSI == nil && s.DownwardAPI == nil && s.EmptyDir == nil && s.Ephemeral == nil &&
		s.PersistentVolumeClaim == nil && s.Projected == nil && s.Secret == nil
}

func confined(profile *corev1.SeccompProfile) bool {
	return profile != nil && (profile.Type == corev1.SeccompProfileTypeRuntimeDefault || profile.Type == corev1.SeccompProfileTypeLocalhost)
}

// hosts are those that a container's probes name: the kubelet would call them.
func hosts(c corev1.Container) []string {
	var found []string
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if probe != nil && probe.HTTPGet != nil {
			found = append(found, probe.HTTPGet.Host)
		}
		if probe != nil && probe.TCPSocket != nil {
			found = append(found, probe.TCPSocket.Host)
		}
	}
	return found
}

// Each rule, broken alone, is noticed: the check is not blind.
func TestViolationsAreSeen(t *testing.T) {
	sound := func() corev1.PodSpec {
		return podOf(t, buildOf(t, base), "Deployment stockhold").template.Spec
	}
	require.Empty(t, violations(sound()))
	for name, breaks := range map[string]func(spec *corev1.PodSpec, c *corev1.SecurityContext){
		"host namespaces": func(s *corev1.PodSpec, _ *corev1.SecurityContext) { s.HostNetwork = true },
		"sysctls": func(s *corev1.PodSpec, _ *corev1.SecurityContext) {
			s.SecurityContext.Sysctls = make([]corev1.Sysctl, 1)
		},
		"privileged":               func(_ *corev1.PodSpec, c *corev1.SecurityContext) { c.Privileged = ptr.To(true) },
		"privilege escalation":     func(_ *corev1.PodSpec, c *corev1.SecurityContext) { c.AllowPrivilegeEscalation = nil },
		"host ports":               func(s *corev1.PodSpec, _ *corev1.SecurityContext) { s.Containers[0].Ports[0].HostPort = 80 },
		"running as non-root":      func(s *corev1.PodSpec, _ *corev1.SecurityContext) { s.SecurityContext.RunAsNonRoot = nil },
		"running as non-root user": func(s *corev1.PodSpec, _ *corev1.SecurityContext) { s.SecurityContext.RunAsUser = ptr.To[int64](0) },
		"seccomp":                  func(s *corev1.PodSpec, _ *corev1.SecurityContext) { s.SecurityContext.SeccompProfile = nil },
		"capabilities":             func(_ *corev1.PodSpec, c *corev1.SecurityContext) { c.Capabilities.Drop = nil },
		"volume types": func(s *corev1.PodSpec, _ *corev1.SecurityContext) {
			s.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		},
	} {
		spec := sound()
		breaks(&spec, spec.Containers[0].SecurityContext)
		require.Equal(t, []string{name}, violations(spec))
	}
}
