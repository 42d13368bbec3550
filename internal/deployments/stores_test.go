package deployments

import (
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"stockhold/internal/testservers"
)

const gatePassword = "gate-password"

// ownStores runs the database and the Redis of the one node with the command lines
// of their manifests.
func ownStores(t *testing.T, b build) (*testservers.MariaDBServer, *testservers.RedisServer) {
	t.Helper()
	db := testservers.NewMariaDB(t, testservers.MariaDBOptions{Args: podOf(t, b, "StatefulSet mysql").arguments(t, nil)})

	p := podOf(t, b, "StatefulSet redis")
	args := p.arguments(t, p.environment(t, b, secrets{"stockhold-passwords": {"redis": gatePassword}}))
	options := testservers.RedisOptions{Password: gatePassword}
	for ; len(args) >= 2; args = args[2:] {
		options.Config = append(options.Config, strings.TrimPrefix(args[0], "--")+" "+strconv.Quote(args[1]))
	}
	require.Empty(t, args, "each setting has one value")
	return db, testservers.NewRedis(t, options)
}

// One node's stores take their settings, the server has nothing to warn of, and
// the Redis asks for its password.
func TestOneNodeStores(t *testing.T) {
	b := buildOf(t, oneNode)
	db, redis := ownStores(t, b)
	s := newSiteOn(t, oneNode, testservers.DatabaseOn(t, db), redis.URL())
	s.finish("Job stockhold-migrate")
	server := s.serve()
	server.ready()
	s.finish("CronJob stockhold-sweep")
	status, metrics := get(t, client(t), server.urls["admin"]+"/metrics")
	require.Equal(t, http.StatusOK, status)
	for _, store := range []string{"ledger", "gate"} {
		require.Regexp(t, regexp.MustCompile(`(?m)^stockhold_store_warnings\{[^}]*store="`+store+`"[^}]*\} 0$`), metrics)
	}

	c := podOf(t, b, "StatefulSet redis").container(t)
	ping := func(password string) error {
		args := append([]string{"-p", strconv.Itoa(redis.Port())}, c.ReadinessProbe.Exec.Command[1:]...)
		probe := exec.CommandContext(t.Context(), c.ReadinessProbe.Exec.Command[0], args...)
		probe.Env = []string{c.Env[0].Name + "=" + password}
		return probe.Run()
	}
	require.NoError(t, ping(gatePassword))
	require.Error(t, ping("another"))
}

// What the stores may take fits into the memory of their pods.
func TestOneNodeStoresFitTheirPods(t *testing.T) {
	b := buildOf(t, oneNode)
	database := podOf(t, b, "StatefulSet mysql")
	fits(t, database, resource.MustParse(text(t, database, "--innodb-buffer-pool-size")))
	gate := podOf(t, b, "StatefulSet redis")
	limit, found := strings.CutSuffix(text(t, gate, "--maxmemory"), "mb")
	require.True(t, found)
	fits(t, gate, resource.MustParse(limit+"Mi"))
}

// fits leaves a quarter for connections, buffers and the program itself.
func fits(t *testing.T, p pod, memory resource.Quantity) {
	t.Helper()
	limit := p.container(t).Resources.Limits[corev1.ResourceMemory]
	require.LessOrEqual(t, memory.Value(), limit.Value()*3/4, p.owner)
}

// The addresses that docs/kubernetes.md puts into the Secrets are those of the
// Services, and user and database those that MariaDB makes at its first start.
func TestDocumentedAddresses(t *testing.T) {
	b := buildOf(t, oneNode)
	manual := document(t)
	made := map[string]string{}
	for _, variable := range podOf(t, b, "StatefulSet mysql").container(t).Env {
		made[variable.Name] = variable.Value
	}
	address := func(name string) string {
		return name + ":" + strconv.Itoa(int(one[*corev1.Service](t, b, name).Spec.Ports[0].Port))
	}
	dsns := regexp.MustCompile(`mysql-dsn="([^"]*@tcp\(mysql:[^"]*)"`).FindAllStringSubmatch(manual, -1)
	require.Len(t, dsns, 2, "one for the servers, one for the migration")
	for _, dsn := range dsns {
		parsed, err := mysql.ParseDSN(dsn[1])
		require.NoError(t, err)
		require.Equal(t, []string{made["MARIADB_USER"], address("mysql"), made["MARIADB_DATABASE"]}, []string{parsed.User, parsed.Addr, parsed.DBName})
	}
	gates := regexp.MustCompile(`redis-url="([^"]*@redis:[^"]*)"`).FindAllStringSubmatch(manual, -1)
	require.Len(t, gates, 1)
	parsed, err := url.Parse(strings.ReplaceAll(gates[0][1], "$", ""))
	require.NoError(t, err)
	require.Equal(t, address("redis"), parsed.Host)
}

// text is the value of an argument, after a = or as the next one.
func text(t *testing.T, p pod, name string) string {
	t.Helper()
	args := p.container(t).Args
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, name+"="); found {
			return value
		}
		if arg == name {
			return args[i+1]
		}
	}
	require.Failf(t, "not there", "%s has no %s", p.owner, name)
	return ""
}

func argument(t *testing.T, p pod, name string) int {
	t.Helper()
	n, err := strconv.Atoi(text(t, p, name))
	require.NoError(t, err)
	return n
}
