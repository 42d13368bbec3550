// Package livefile keeps what was made of files true to the files: certificates,
// keys, policies and tokens that somebody replaces while the program runs.
//
// A [Value] is made of one or more files by a function. It is read without locks,
// and changes as a whole: when the content of any of its files changed and the
// function accepts it, the new value takes the place of the old one. Content that
// cannot be read or is not accepted changes nothing. The old value stays, and the
// log says why, once for each content that failed.
//
// The content itself is compared, some seconds apart, and not the times of files
// or what the system tells of them: Kubernetes replaces a whole folder of secrets
// by moving one link, and that must look like any other change.
//
// A [Watch] holds the values of a process: its Run looks again on its own, and
// Reload looks at once, for an operator who does not want to wait.
package livefile
