package deployments

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"stockhold/internal/testservers"
)

// site is a build whose pods run here, as processes: each with the command line
// and the environment of its manifest. Only what a cluster would give them is put
// in: the contents of Secrets and volumes, the addresses of stores and API server,
// and addresses to listen on.
type site struct {
	t       *testing.T
	build   build
	secrets secrets
	cluster *cluster
	traces  string // where the collector is, "" for nowhere
}

// newSite has an empty database and an empty Redis.
func newSite(t *testing.T, name string) *site {
	t.Helper()
	return newSiteOn(t, name, testservers.Database(t), testservers.NewRedis(t, testservers.RedisOptions{}).URL())
}

func newSiteOn(t *testing.T, name, dsn, redis string) *site {
	t.Helper()
	s := &site{t: t, build: buildOf(t, name)}
	s.cluster = newCluster(t, settings(t, s.build, podOf(t, s.build, "Deployment stockhold")).Security.JWTIssuer)
	pair := s.cluster.authority.Server(t)
	s.secrets = secrets{
		"stockhold-stores":  {"mysql-dsn": dsn, "redis-url": redis},
		"stockhold-migrate": {"mysql-dsn": dsn},
		"stockhold-tls":     {"tls.crt": string(pair.Cert), "tls.key": string(pair.Key)},
	}
	return s
}

// run starts the container of a workload, with some variables changed.
func (s *site) run(owner string, changed map[string]string) *process {
	s.t.Helper()
	p := podOf(s.t, s.build, owner)
	env := p.environment(s.t, s.build, s.secrets)
	args := p.arguments(s.t, env)
	s.cluster.mount(s.build, p, s.secrets, env)
	s.collectAt(env)
	maps.Copy(env, changed)
	return start(s.t, args, env)
}

// finish runs a container that ends by itself, and returns what it printed.
func (s *site) finish(owner string) string {
	s.t.Helper()
	p := s.run(owner, nil)
	require.Zero(s.t, p.within(patience), owner)
	return p.out.String()
}

// server is the Deployment's container, with where each of its ports answers.
type server struct {
	*process
	site      *site
	container corev1.Container
	urls      map[string]string
}

func (s *site) serve() *server {
	s.t.Helper()
	address := func() string {
		address, release, err := testservers.LeasePort()
		require.NoError(s.t, err)
		s.t.Cleanup(func() { require.NoError(s.t, release()) })
		return address
	}
	calls, admin := address(), address()
	scheme := "http://"
	if s.build.name == secured {
		scheme = "https://"
	}
	return &server{
		process: s.run("Deployment stockhold", map[string]string{
			"STOCKHOLD_LISTEN": calls, "STOCKHOLD_ADMIN_LISTEN": admin,
		}),
		site:      s,
		container: podOf(s.t, s.build, "Deployment stockhold").container(s.t),
		urls:      map[string]string{"h2c": scheme + calls, "admin": "http://" + admin},
	}
}

// probe is what the kubelet does: true while the answer is a good one.
func (s *server) probe(probe *corev1.Probe, client *http.Client) bool {
	status, _ := get(s.t, client, s.urls[probe.HTTPGet.Port.StrVal]+probe.HTTPGet.Path)
	return status >= 200 && status < 400
}

// ready waits as the kubelet does, for the startup probe and then for the others.
func (s *server) ready() {
	s.t.Helper()
	kubelet := client(s.t)
	for _, probe := range []*corev1.Probe{s.container.StartupProbe, s.container.LivenessProbe, s.container.ReadinessProbe} {
		require.Eventually(s.t, func() bool { return s.probe(probe, kubelet) }, budget(s.container.StartupProbe), 20*time.Millisecond, probe.HTTPGet.Path)
	}
}
