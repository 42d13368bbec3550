package rpc

// growStack makes room at once, 12 KiB, for all that a call needs. HTTP/2 runs each
// call in a goroutine of its own, whose stack begins small and is copied whenever
// it must double, with more frames on it each time: 9 % of the service's processor
// time by profile. It is written in assembly because only there a frame can be
// asked for that nobody clears.
func growStack()
