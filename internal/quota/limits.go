package quota

// Owner is how much may be asked for in the name of one owner; 0: no limit.
type Owner struct {
	Rate Rate
	Held int64 // units held and not yet confirmed
}

// Caller is how much one caller may ask for; 0: no limit.
type Caller struct {
	Rate   Rate
	AtOnce int // calls under way
}
