package access

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"stockhold/internal/livefile"
)

// Policy is who may do what. It never changes; a new one takes its place.
type Policy struct {
	callers map[string]*Caller // by subject
	owners  map[string]OwnerQuota
}

// OwnerQuota is how much may be asked for in the name of one owner; 0: the
// configured default.
type OwnerQuota struct {
	Rate  float64 `yaml:"calls_per_second"` // calls a second; each item of a batch is one
	Burst int     `yaml:"burst"`            // calls at once after a pause
	Held  int64   `yaml:"held_units"`       // units held and not yet confirmed
}

// The policy as it is written.
type policyFile struct {
	Callers []callerEntry         `yaml:"callers"`
	Owners  map[string]OwnerQuota `yaml:"owners"`
}

type callerEntry struct {
	Name     string   `yaml:"name"`
	Subjects []string `yaml:"subjects"`
	Roles    []string `yaml:"roles"`
	Owners   []string `yaml:"owners"`
	Rate     float64  `yaml:"calls_per_second"`
	Burst    int      `yaml:"burst"`
	AtOnce   int      `yaml:"calls_at_once"`
}

const (
	sanPrefix = "san:"
	jwtPrefix = "jwt:"
	everyone  = "*" // as an owner
)

// ownerName is what the wire accepts as an owner.
var ownerName = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// ParsePolicy reads a policy and refuses what is not certain: keys that it does
// not know, subjects of two callers, roles that cannot work. The error names all
// that is wrong.
func ParsePolicy(text []byte) (*Policy, error) {
	var file policyFile
	if err := yaml.Load(text, &file, yaml.WithKnownFields()); err != nil { // one document, each key once
		return nil, fmt.Errorf("the policy cannot be read: %w", err)
	}
	r := &policyReader{policy: &Policy{callers: map[string]*Caller{}, owners: file.Owners}, names: map[string]bool{}}
	if len(file.Callers) == 0 {
		r.fault("callers: there are none, and nobody could call")
	}
	for i, entry := range file.Callers {
		r.caller(i, entry)
	}
	for _, owner := range slices.Sorted(maps.Keys(file.Owners)) {
		r.owner(owner, file.Owners[owner])
	}
	if len(r.faults) > 0 {
		return nil, errors.Join(r.faults...)
	}
	return r.policy, nil
}

// LoadPolicy reads a policy from a file and follows the file.
func LoadPolicy(w *livefile.Watch, path string) (*livefile.Value[*Policy], error) {
	return livefile.Load(w, "the access policy", []string{path}, func(contents [][]byte) (*Policy, error) {
		return ParsePolicy(contents[0])
	})
}

// Caller is whose a subject is, nil for nobody's.
func (p *Policy) Caller(subject string) *Caller { return p.callers[subject] }

// OwnerQuota is what the policy says of an owner; false if it says nothing.
func (p *Policy) OwnerQuota(owner string) (OwnerQuota, bool) {
	quota, ok := p.owners[owner]
	return quota, ok
}

// Uses reports which ways of proving who one is the policy speaks of.
func (p *Policy) Uses() (certificates, tokens bool) {
	for subject := range p.callers {
		certificates = certificates || strings.HasPrefix(subject, sanPrefix)
		tokens = tokens || strings.HasPrefix(subject, jwtPrefix)
	}
	return certificates, tokens
}

// policyReader collects what is wrong with a policy.
type policyReader struct {
	policy *Policy
	names  map[string]bool
	faults []error
}

func (r *policyReader) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf(format, args...))
}

func (r *policyReader) caller(i int, entry callerEntry) {
	at := fmt.Sprintf("callers[%d]", i)
	switch {
	case !ownerName.MatchString(entry.Name):
		r.fault("%s.name: is %q, must be 1 to 64 of A-Z a-z 0-9 . _ : -", at, entry.Name)
	case r.names[entry.Name]:
		r.fault("%s.name: there are two callers %q", at, entry.Name)
	}
	r.names[entry.Name] = true
	c := &Caller{Name: entry.Name, owners: map[string]struct{}{}}
	for _, name := range entry.Roles {
		var role Role
		if err := role.UnmarshalText([]byte(name)); err != nil {
			r.fault("%s.roles: %w", at, err)
		}
		c.roles |= role
	}
	if len(entry.Roles) == 0 {
		r.fault("%s.roles: there are none, and %s could do nothing", at, entry.Name)
	}
	for _, owner := range entry.Owners {
		switch {
		case owner == everyone:
			c.allOwners = true
		case !ownerName.MatchString(owner):
			r.fault("%s.owners: %q is no owner: 1 to 64 of A-Z a-z 0-9 . _ : -, or %q for all", at, owner, everyone)
		default:
			c.owners[owner] = struct{}{}
		}
	}
	if c.roles&Orders != 0 && len(entry.Owners) == 0 {
		r.fault("%s.owners: there are none, and the role orders is for nobody then", at)
	}
	r.amounts(at, entry.Rate, entry.Burst)
	if entry.AtOnce < 0 {
		r.fault("%s.calls_at_once: is %d, must be at least 1", at, entry.AtOnce)
	}
	c.Quota = CallerQuota{Rate: entry.Rate, Burst: entry.Burst, AtOnce: entry.AtOnce}
	r.subjects(at, entry.Subjects, c)
}

func (r *policyReader) subjects(at string, subjects []string, c *Caller) {
	if len(subjects) == 0 {
		r.fault("%s.subjects: there are none, and nobody could be %s", at, c.Name)
	}
	for _, written := range subjects {
		subject, err := canonical(written)
		if err != nil {
			r.fault("%s.subjects: %w", at, err)
			continue
		}
		if other := r.policy.callers[subject]; other != nil && other != c {
			r.fault("%s.subjects: %q is also a subject of %s", at, written, other.Name)
		}
		r.policy.callers[subject] = c
	}
}

// canonical is how a subject is looked up: names of hosts in small letters.
func canonical(subject string) (string, error) {
	switch {
	case strings.HasPrefix(subject, jwtPrefix) && len(subject) > len(jwtPrefix):
		return subject, nil
	case strings.HasPrefix(subject, sanPrefix) && strings.Contains(subject, "*"):
		return "", fmt.Errorf("%q has a wildcard, and names are compared to the letter: write out each", subject)
	case strings.HasPrefix(subject, sanPrefix) && len(subject) > len(sanPrefix):
		return sanSubject(strings.TrimPrefix(subject, sanPrefix)), nil
	}
	return "", fmt.Errorf("%q is no subject: want jwt:SUBJECT, san:DNS-NAME or san:URI", subject)
}

func sanSubject(name string) string {
	if !isURI(name) {
		name = strings.ToLower(name)
	}
	return sanPrefix + name
}

// isURI tells a URI, which has a scheme, from a DNS name, which can have no colon.
func isURI(name string) bool { return strings.Contains(name, ":") }

func (r *policyReader) owner(owner string, quota OwnerQuota) {
	at := "owners." + owner
	if !ownerName.MatchString(owner) {
		r.fault("owners: %q is no owner: 1 to 64 of A-Z a-z 0-9 . _ : -", owner)
	}
	r.amounts(at, quota.Rate, quota.Burst)
	if quota.Held < 0 {
		r.fault("%s.held_units: is %d, must be at least 1", at, quota.Held)
	}
}

func (r *policyReader) amounts(at string, rate float64, burst int) {
	if !(rate >= 0 && rate <= 1e9) { // nor NaN
		r.fault("%s.calls_per_second: is %v, must be more than 0 and at most 1e9", at, rate)
	}
	if burst < 0 {
		r.fault("%s.burst: is %d, must be at least 1", at, burst)
	}
	if burst > 0 && rate == 0 {
		r.fault("%s.burst: is %d, and means nothing without calls_per_second", at, burst)
	}
}
