package access

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const shops = `
callers:
  - name: shop-a
    subjects: ["jwt:system:serviceaccount:shop-a:orders", "san:spiffe://cluster.local/ns/shop-a/sa/orders"]
    roles: [orders, reader]
    owners: [shop-a]
    calls_per_second: 100
    burst: 200
    calls_at_once: 16
  - name: shop-b
    subjects: ["san:Orders.Shop-B.svc"]
    roles: [orders]
    owners: [shop-b, shop-b2]
  - name: warehouse
    subjects: ["san:warehouse.svc"]
    roles: [stock]
  - name: people
    subjects: ["jwt:alice@example.org"]
    roles: [operator]
  - name: prometheus
    subjects: ["san:prometheus.monitoring.svc"]
    roles: [reader]
    owners: ["*"]
owners:
  shop-a: {calls_per_second: 50.5, burst: 100, held_units: 1000}
  shop-b: {held_units: 5}
`

func TestPolicy(t *testing.T) {
	p, err := ParsePolicy([]byte(shops))
	require.NoError(t, err)
	a := p.callers["jwt:system:serviceaccount:shop-a:orders"]
	require.Same(t, a, p.callers["san:spiffe://cluster.local/ns/shop-a/sa/orders"])
	require.Equal(t, "shop-a", a.Name)
	require.Equal(t, Orders|Reader, a.roles)
	require.Equal(t, CallerQuota{Rate: 100, Burst: 200, AtOnce: 16}, a.Quota)
	require.True(t, p.callers["san:orders.shop-b.svc"].Acts("shop-b2"), "names of hosts are written in small letters")
	require.True(t, p.callers["san:prometheus.monitoring.svc"].Acts("anybody"))
	quota, ok := p.OwnerQuota("shop-a")
	require.True(t, ok)
	require.Equal(t, OwnerQuota{Rate: 50.5, Burst: 100, Held: 1000}, quota)
	_, ok = p.OwnerQuota("shop-c")
	require.False(t, ok)
	certificates, tokens := p.Uses()
	require.True(t, certificates)
	require.True(t, tokens)
}

// A policy that is not certain is none.
func TestPoliciesThatAreRefused(t *testing.T) {
	const good = "subjects: ['jwt:a'], roles: [orders], owners: [a]"
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                    {"", "cannot be read"},
		"no callers":                 {"owners: {}", "callers: there are none"},
		"a key it does not know":     {"callers: [{name: a, " + good + ", admin: true}]", "admin"},
		"another one":                {"users: []", "users"},
		"a key twice":                {"callers: [{name: a, name: b, " + good + "}]", "name"},
		"two documents":              {"callers: [{name: a, " + good + "}]\n---\ncallers: []", "single document"},
		"no name":                    {"callers: [{" + good + "}]", "callers[0].name"},
		"a name twice":               {"callers: [{name: a, " + good + "}, {name: a, subjects: ['jwt:b'], roles: [stock]}]", "two callers"},
		"a subject of two":           {"callers: [{name: a, " + good + "}, {name: b, " + good + "}]", "also a subject of a"},
		"a subject of two, in caps":  {"callers: [{name: a, subjects: ['san:x.y'], roles: [stock]}, {name: b, subjects: ['san:X.y'], roles: [stock]}]", "also a subject of a"},
		"no subject":                 {"callers: [{name: a, roles: [stock]}]", "nobody could be a"},
		"a subject of no kind":       {"callers: [{name: a, subjects: ['alice'], roles: [stock]}]", `"alice" is no subject`},
		"an empty subject":           {"callers: [{name: a, subjects: ['jwt:'], roles: [stock]}]", "is no subject"},
		"a common name":              {"callers: [{name: a, subjects: ['cn:a'], roles: [stock]}]", "is no subject"},
		"a wildcard":                 {"callers: [{name: a, subjects: ['san:*.shop-a.svc'], roles: [stock]}]", "wildcard"},
		"no role":                    {"callers: [{name: a, subjects: ['jwt:a']}]", "could do nothing"},
		"a role that is none":        {"callers: [{name: a, subjects: ['jwt:a'], roles: [admin]}]", `no role "admin"`},
		"orders for nobody":          {"callers: [{name: a, subjects: ['jwt:a'], roles: [orders]}]", "for nobody"},
		"an owner that cannot be":    {"callers: [{name: a, subjects: ['jwt:a'], roles: [orders], owners: ['shop-*']}]", `"shop-*" is no owner`},
		"a negative rate":            {"callers: [{name: a, " + good + ", calls_per_second: -1}]", "calls_per_second"},
		"a rate that is no number":   {"callers: [{name: a, " + good + ", calls_per_second: .nan}]", "calls_per_second"},
		"a burst without a rate":     {"callers: [{name: a, " + good + ", burst: 5}]", "means nothing"},
		"negative units":             {"callers: [{name: a, " + good + "}]\nowners: {a: {held_units: -5}}", "owners.a.held_units"},
		"figures for all at once":    {"callers: [{name: a, " + good + "}]\nowners: {'*': {held_units: 5}}", `"*" is no owner`},
		"a misspelled figure":        {"callers: [{name: a, " + good + "}]\nowners: {a: {held: 5}}", "held"},
		"words where figures belong": {"callers: [{name: a, " + good + ", burst: many}]", "many"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePolicy([]byte(tt.text))
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := ParsePolicy([]byte("callers: [{name: a}]"))
	require.ErrorContains(t, err, "subjects")
	require.ErrorContains(t, err, "roles", "all that is wrong is told at once")
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(shops))
	f.Add([]byte("callers: [{name: a}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy(text)
		if err == nil && len(p.callers) == 0 {
			t.Fatal("a policy for nobody")
		}
	})
}
