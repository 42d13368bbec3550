// Package config is everything about stockhold that can be set.
//
// One struct, [Config], is the whole list. Each of its fields is a flag with an
// environment twin and a line in a file, a default and a sentence of help, all in
// its tags, where the command line parser reads them; docs/configuration.md and
// docs/stockhold.yaml are generated from the same tags. A program reads it in two
// steps: the parser fills the struct, from the command line and, through [Sources],
// from the environment and the file; and [Config.Complete] reads the secrets that
// are kept in files and refuses values that cannot work, alone or together, before
// anything is opened.
//
// A variable that begins with STOCKHOLD_, or a key of the file, that is no setting
// is an error, since a mistyped name would otherwise leave a default in force
// without a word. Every error names the setting, and where in the file it stands,
// and repeats no password: [Fault].
//
// A process that runs on may read it all again. [Config.Merge] takes over what the
// tag `reload` marks, and tells what else would need a restart. [Config.Values] is
// what is in force, for people and programs, with passwords masked.
package config
