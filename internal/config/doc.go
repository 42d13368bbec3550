// Package config is everything about stockhold that can be set.
//
// One struct, [Config], is the whole list. Each of its fields is a flag with an
// environment twin, a default and a sentence of help, all in its tags, where the
// command line parser reads them; docs/configuration.md is generated from the
// same tags. A program reads it in two steps: the parser fills the struct, and
// [Config.Complete] reads the secrets that are kept in files and refuses values
// that cannot work, alone or together, before anything is opened.
//
// A variable that begins with STOCKHOLD_ and is no setting is an error, since a
// mistyped name would otherwise leave a default in force without a word:
// [CheckEnvironment].
package config
