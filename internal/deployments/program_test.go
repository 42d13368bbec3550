package deployments

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"stockhold/internal/access"
	"stockhold/internal/config"
)

// runtimeVariables are not stockhold's but of the Go runtime. Those of OpenTelemetry,
// which are not its own either, are in docs/telemetry.md.
var runtimeVariables = map[string]bool{"GOMEMLIMIT": true, "GOGC": true}

// placeholders are Secrets whose contents are only looked at.
var placeholders = secrets{
	"stockhold-stores":  {"mysql-dsn": "user:password@tcp(mysql:3306)/stockhold", "redis-url": "redis://redis:6379/0"},
	"stockhold-migrate": {"mysql-dsn": "user:password@tcp(mysql:3306)/stockhold"},
}

// Each command, flag and variable that a manifest names is one of the program.
func TestManifestsSpeakOfTheProgram(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		for _, p := range ourPods(t, b) {
			env := p.environment(t, b, placeholders)
			var ours []string
			for name, value := range env {
				if strings.HasPrefix(name, "OTEL_") {
					require.Regexp(t, "(?m)^\\| .*`"+name+"`", documentOf(t, "telemetry.md"), "%s: OpenTelemetry has no %s that is told of", p.owner, name)
				} else if !runtimeVariables[name] {
					require.True(t, strings.HasPrefix(name, config.Prefix), "%s: whose is %s?", p.owner, name)
					ours = append(ours, name+"="+value)
				}
			}
			require.NoError(t, config.CheckEnvironment(ours), p.owner)
			args := p.arguments(t, env)
			help := helpOf(t, args[0])
			for _, arg := range args[1:] {
				flag, _, _ := strings.Cut(arg, "=")
				require.Regexp(t, `(?m)(^|\s|\[)`+flag+`\b`, help, "%s: %s knows no %s", p.owner, args[0], flag)
			}
		}
	})
}

// The other variables of base and overlays: an unused one is a typo, too.
func TestValuesAreRight(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		for _, p := range ourPods(t, b) {
			settings(t, b, p)
		}
	})
}

// The ports that the server listens on are those that the manifests name, on all
// of the pod's addresses. It does so only where it asks who calls, and where
// somebody has said that the network keeps secrets, or it does so itself.
func TestPortsAreThoseOfTheServer(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		p := podOf(t, b, "Deployment stockhold")
		cfg := settings(t, b, p)
		ports := map[string]string{}
		for _, port := range p.container(t).Ports {
			ports[port.Name] = fmt.Sprintf(":%d", port.ContainerPort)
		}
		require.Equal(t, map[string]string{"h2c": cfg.Server.Listen, "admin": cfg.Security.AdminListen}, ports)
		require.Equal(t, cfg.Security.AdminListen, ":"+p.template.Annotations["prometheus.io/port"])
		require.Equal(t, "true", p.template.Annotations["prometheus.io/scrape"])

		require.NoError(t, cfg.Security.CheckListen("listen", cfg.Server.Listen))
		require.True(t, cfg.Security.Known())
		require.Equal(t, []string{"stockhold"}, cfg.Security.JWTAudience)
		require.Equal(t, b.name == secured, cfg.Security.Secured())
		require.Equal(t, b.name != secured, cfg.Security.Insecure)
	})
}

// The policy is one that the server takes, and is there under a name that stays,
// so that a change of it reaches running servers.
func TestAccessPolicyIsRight(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		policy := one[*corev1.ConfigMap](t, b, "stockhold-access")
		require.Equal(t, "stockhold-access", policy.Name)
		parsed, err := access.ParsePolicy([]byte(policy.Data["policy.yaml"]))
		require.NoError(t, err)
		certificates, tokens := parsed.Uses()
		require.True(t, tokens)
		require.False(t, certificates, "no pod asks for certificates")
	})
}

// An overlay names the image in one place, for all three; without it, it is the
// one that was built on this machine.
func TestImageIsNamedInOnePlace(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		image := "registry.example.com/stockhold:1.0.0" // of the document
		if b.name == base || b.name == oneNode {
			image = "stockhold:local"
		}
		require.Contains(t, document(t), "docker build -t "+image+" .")
		for _, p := range ourPods(t, b) {
			require.Equal(t, image, p.container(t).Image, p.owner)
		}
	})
}

// What servers and sweepers must agree about comes from one ConfigMap; that the
// migration may have a database user of its own is the only difference.
func TestAllPodsHaveTheSameSettings(t *testing.T) {
	inEach(t, func(t *testing.T, b build) {
		server, sweeper := settings(t, b, podOf(t, b, "Deployment stockhold")), settings(t, b, podOf(t, b, "CronJob stockhold-sweep"))
		require.Equal(t, server.Sweeper.Deciders, sweeper.Sweeper.Deciders)
		require.Equal(t, server.Stores, sweeper.Stores)
		require.Equal(t, server.Ledger, sweeper.Ledger)
		require.Equal(t, b.name != cronJob, server.Sweeper.Enabled)
	})
}

// settings are what the program makes of a pod's environment: complete, and checked.
func settings(t *testing.T, b build, p pod) config.Config {
	t.Helper()
	for name, value := range p.environment(t, b, placeholders) {
		t.Setenv(name, value)
	}
	var cfg config.Config
	parser, err := kong.New(&cfg)
	require.NoError(t, err)
	_, err = parser.Parse(nil)
	require.NoError(t, err, p.owner)
	require.NoError(t, cfg.Complete(), p.owner)
	for name := range p.environment(t, b, placeholders) {
		require.NoError(t, os.Unsetenv(name)) // the next pod has its own
	}
	return cfg
}

// helpOf is what the program says of a command.
func helpOf(t *testing.T, command string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), program(t), command, "--help").CombinedOutput()
	require.NoError(t, err, "%s", text)
	return string(text)
}
