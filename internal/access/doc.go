// Package access says who calls and what they may do.
//
// A caller proves who it is in one of two ways: by a client certificate, where
// each DNS name and URI in it is a subject (san:...), or by a bearer token, whose
// subject is one (jwt:...). The policy, a YAML file ([ParsePolicy]), knows
// subjects: which caller they belong to, which roles it has, and for which owners
// it may speak. What the policy does not allow is not allowed. One table
// (roles.go) says which roles may make which call; a call that is not in it may
// be made by nobody.
//
// [Control.Admit] decides by the address and the headers of a request, before its
// body is read. Whether a caller may speak for the owner that a call names is seen
// later, when the message is: the caller travels in the call's context
// ([CallerOf]), and whoever acts for an owner asks it.
package access
