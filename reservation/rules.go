package reservation

// Rules are what calls are judged by beside the state table. They may change while
// a service runs: see [Service.SetRules].
type Rules struct {
	Limits     Limits
	HasDecider func(owner string) bool // whether an owner can be asked
}

// SetRules changes the rules of a running service, all at once. A call reads them
// once: one that is under way keeps those it began with.
func (s *Service) SetRules(rules Rules) {
	s.ledger.onHandLimit.Store(rules.Limits.OnHand)
	s.rules.Store(&rules)
}

// Limits are those in force.
func (s *Service) Limits() Limits { return s.rules.Load().Limits }

// checker begins to look at a call by these rules.
func (rules *Rules) checker() checker { return checker{limits: rules.Limits} }

// size refuses more items than a batch may have. Whoever takes calls from outside
// has refused them already; unless the limit was lowered in between, when a call
// must not get past one limit of the old rules and another of the new.
func (rules *Rules) size(items int) error {
	if items <= rules.Limits.Batch {
		return nil
	}
	c := rules.checker()
	c.fault("requests", "has %d items, must have 1 to %d", items, rules.Limits.Batch)
	return c.refusal()
}

// refuseAll answers all items alike.
func refuseAll(n int, err error) []Answer {
	answers := make([]Answer, n)
	for i := range answers {
		answers[i].Err = err
	}
	return answers
}
