package twins

func inRPC(tests ...string) Suite { return Suite{Package: "internal/rpc", Tests: tests} }

// callers are the guards of who may do what.
var callers = []Twin{
	{
		Name:    "owners act on their own",
		Promise: "No caller acts on another owner's reservation.",
		Without: "Confirm, Cancel and the like go by the id alone.",
		Edits:   []Edit{{"internal/rpc/guarded.go", "if id := requests[i].ID; !caller.Acts(ownerOf(id)) {", "if id := requests[i].ID; false && !caller.Acts(ownerOf(id)) {"}},
		Notice:  inRPC("TestOwnersAreKeptApart"),
	},
	{
		Name:    "owners read their own",
		Promise: "No caller learns of another owner's reservation.",
		Without: "Whoever knows an id may read it.",
		Edits:   []Edit{{"internal/rpc/guarded.go", "if !access.CallerOf(ctx).Reads(ownerOf(id)) {", "if false {\n\t\t_ = access.CallerOf"}},
		Notice:  inRPC("TestOwnersAreKeptApart"),
	},
	{
		Name:    "roles are asked for",
		Promise: "A caller makes only the calls of its roles.",
		Without: "Whoever is known may make every call.",
		Edits:   []Edit{{"internal/access/caller.go", "if c.roles&permissions[path] == 0 {", "if c.roles == 0 {"}},
		Notice:  Suite{Package: "internal/access", Tests: []string{"TestRoles"}},
	},
	{
		Name:    "a token has an end",
		Promise: "A token without an end does not count.",
		Without: "It counts for ever.",
		Edits:   []Edit{{"internal/tokens/verifier.go", "case claims.Expiry == nil:\n\t\treturn ErrNoExpiry\n", "case claims.Expiry == nil:\n\t\tclaims.Expiry = claims.NotBefore\n"}},
		Notice:  Suite{Package: "internal/tokens", Tests: []string{"TestForgedAndExpiredTokens"}},
	},
	{
		Name:    "a token is for us",
		Promise: "A token that was issued for another service does not count.",
		Without: "Any token of the issuer does.",
		Edits:   []Edit{{"internal/tokens/verifier.go", "AnyAudience: v.audiences, ", ""}},
		Notice:  Suite{Package: "internal/tokens", Tests: []string{"TestForgedAndExpiredTokens"}},
	},
	{
		Name:    "remembered tokens end with their keys",
		Promise: "What was verified with keys of before is verified again.",
		Without: "A token of a key that was taken away stays good for a while.",
		Edits:   []Edit{{"internal/tokens/verifier.go", "ok && v.version == version && !now.After(found.until)", "ok && !now.After(found.until)"}},
		Notice:  Suite{Package: "internal/tokens", Tests: []string{"TestRememberedTokensEnd"}},
	},
	{
		Name:    "repeats are not refused for what is held",
		Promise: "A repeat of a Try that succeeded is never refused for what its owner holds.",
		Without: "Nobody looks whether it is a repeat.",
		Edits:   []Edit{{"internal/rpc/metered.go", "case !known[ids[n]]:", "default:\n\t\t\t_ = known"}},
		Notice:  inRPC("TestRepeatsAreNotRefusedForWhatIsHeld"),
	},
}
