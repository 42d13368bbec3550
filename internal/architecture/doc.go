// Package architecture holds no code, only the tests of what no single package
// can promise: that the imports run one way, and that the wire contract keeps
// what neither protoc nor the linter sees. The imports:
//
//	inventory <- reservation <- sweeper <- internal/app <- cmd
//
// A package may import what stands to its left. The three domain packages know
// neither the wire (Connect, gRPC, generated code) nor anything under internal but
// what serves to watch them (crashpoint, tracing): they can be read, tested and
// reasoned about without a server. The decider client is the one exception, for stockhold calls owners over that wire. Only
// cmd assembles the program, so only cmd imports internal/app.
//
// Tests may import what they need, and so may test helpers: packages whose name
// begins or ends with "test". Nothing but tests and test helpers imports those.
package architecture
