package deployments

import (
	"encoding/json"
	"net/http"
	"regexp"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	batchv1 "k8s.io/api/batch/v1"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/faults"
)

func (s *server) reservations() stockholdv1connect.ReservationServiceClient {
	return stockholdv1connect.NewReservationServiceClient(s.site.cluster.client("shop:orders"), s.urls["h2c"])
}

func (s *server) stock(sku string, units int64) {
	s.t.Helper()
	inventory := stockholdv1connect.NewInventoryServiceClient(s.site.cluster.client("shop:warehouse"), s.urls["h2c"])
	require.EventuallyWithT(s.t, func(t *assert.CollectT) { // the issuer's keys may still be under way
		_, err := inventory.SetStock(s.t.Context(), &stockholdv1.SetStockRequest{Sku: sku, OnHand: units})
		require.NoError(t, err)
	}, patience, 50*time.Millisecond)
}

func (s *server) hold(id, sku string, ttl time.Duration) {
	s.t.Helper()
	_, err := s.reservations().Try(s.t.Context(), &stockholdv1.TryRequest{
		ReservationId: id, Owner: "orders", Ttl: durationpb.New(ttl), OnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_RELEASE,
		Lines: []*stockholdv1.Line{{Sku: sku, Quantity: 1}},
	})
	require.NoError(s.t, err)
}

func (s *server) reservation(id string) *stockholdv1.Reservation {
	s.t.Helper()
	answer, err := s.reservations().GetReservation(s.t.Context(), &stockholdv1.GetReservationRequest{ReservationId: id, Owner: "orders"})
	require.NoError(s.t, err)
	return answer.GetReservation()
}

// The migration Job makes the schema, does nothing the second time, and tells a
// wrong setting, which repeating does not help, by the code that its policy names.
func TestMigrationRuns(t *testing.T) {
	s := newSite(t, base)
	require.Contains(t, s.finish("Job stockhold-migrate"), "applied ")
	require.NotContains(t, s.finish("Job stockhold-migrate"), "applied ")

	wrong := s.run("Job stockhold-migrate", map[string]string{"STOCKHOLD_MYSQL_DSN": "mysql:3306"})
	rules := one[*batchv1.Job](t, s.build, "stockhold-migrate").Spec.PodFailurePolicy.Rules
	require.Equal(t, batchv1.PodFailurePolicyActionFailJob, rules[0].Action)
	require.Contains(t, rules[0].OnExitCodes.Values, int32(wrong.within(patience)))
}

// A hold that nobody ended is ended by the CronJob, where servers do not sweep.
func TestCronJobEndsAnOverdueHold(t *testing.T) {
	s := newSite(t, cronJob)
	s.finish("Job stockhold-migrate")
	server := s.serve()
	server.ready()
	server.stock("mug", 10)
	server.hold("forgotten", "mug", time.Second)
	server.hold("wanted", "mug", time.Hour)

	type report struct{ Expired, Failed int }
	var total report
	faults.Eventually(t, func() bool { // a minute is long: this clock runs faster
		var r report
		require.NoError(t, json.Unmarshal([]byte(s.finish("CronJob stockhold-sweep")), &r))
		total.Expired += r.Expired
		total.Failed += r.Failed
		return total.Expired > 0
	}, patience, 100*time.Millisecond)
	require.Equal(t, report{Expired: 1}, total)
	require.Equal(t, stockholdv1.State_STATE_EXPIRED, server.reservation("forgotten").GetState())
	require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_POLICY, server.reservation("forgotten").GetResolvedBy())
	require.Equal(t, stockholdv1.State_STATE_RESERVED, server.reservation("wanted").GetState())
}

// A sweep that cannot do its work fails, so that the Job shows it.
func TestCronJobFailsWithoutASchema(t *testing.T) {
	s := newSite(t, base)
	sweep := s.run("CronJob stockhold-sweep", nil)
	require.Equal(t, 1, sweep.within(patience))
}

// The server of the manifest starts, answers the kubelet, Prometheus, and callers
// that show who they are, and its own sweeper ends holds. Told to stop, it is not
// ready at once, still answers who comes, and ends within its grace period.
func TestServerStartsAndStops(t *testing.T) {
	for _, name := range []string{example, secured} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, name)
			early := s.serve()
			require.Equal(t, 1, early.within(patience), "no server works on a schema that is not there yet")

			s.finish("Job stockhold-migrate")
			server := s.serve()
			server.ready()
			server.stock("mug", 10)
			server.hold("forgotten", "mug", time.Second)
			faults.Eventually(t, func() bool {
				return server.reservation("forgotten").GetState() == stockholdv1.State_STATE_EXPIRED
			}, patience, 50*time.Millisecond)
			server.turnsAway(t)
			s.finish("CronJob stockhold-sweep") // beside it, with the same settings and none of its volumes

			p := podOf(t, s.build, "Deployment stockhold")
			kubelet := client(t)
			status, metrics := get(t, kubelet, server.urls["admin"]+p.template.Annotations["prometheus.io/path"])
			require.Equal(t, http.StatusOK, status)
			for _, name := range regexp.MustCompile(`stockhold_\w+`).FindAllString(document(t), -1) {
				require.Regexp(t, `(?m)^`+name+`(\{| )`, metrics, "docs/kubernetes.md names a metric")
			}

			require.NoError(t, server.cmd.Process.Signal(syscall.SIGTERM))
			require.Eventually(t, func() bool { return !server.probe(server.container.ReadinessProbe, kubelet) }, patience, 5*time.Millisecond)
			server.hold("late", "mug", time.Hour) // by someone who has not heard of it
			require.True(t, server.probe(server.container.LivenessProbe, kubelet))
			kubelet.CloseIdleConnections()
			require.Zero(t, server.within(grace(p)))
		})
	}
}

// turnsAway sees that strangers are refused, and callers what is not theirs.
func (s *server) turnsAway(t *testing.T) {
	t.Helper()
	try := func(account string) connect.Code {
		c := stockholdv1connect.NewReservationServiceClient(s.site.cluster.client(account), s.urls["h2c"])
		_, err := c.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: "stolen", Owner: "orders", Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: 1}}})
		return connect.CodeOf(err)
	}
	require.Equal(t, connect.CodeUnauthenticated, try(""))
	require.Equal(t, connect.CodeUnauthenticated, try("games:orders"), "no caller that the policy knows")
	require.Equal(t, connect.CodePermissionDenied, try("shop:warehouse"))
}
