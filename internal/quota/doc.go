// Package quota keeps one caller from taking what all need: so many calls a
// second ([Rates]), so many calls under way ([Seats]), and so many units held in
// the name of one owner ([Holdings]).
//
// These are brakes, not rules about stock. They belong to one process: with three
// servers a caller gets up to three times its rate, and the figures of [Holdings]
// are as exact as is said there. Nothing is oversold for their sake or without
// them.
//
// A limit of 0 is none, and costs nothing.
package quota
