#!lua
-- freeze: take the units of one hold out of what the gate believes is
-- available, all lines or none.
--
-- KEYS[1]    the sorted set of pending holds: member = hold key, score = when
--            it was frozen, in milliseconds of this server's clock
-- KEYS[2]    the hold's hash: field = row key, value = units
-- KEYS[3..]  one stock row per line, no row twice; a hash of q (quota: the
--            ledger's available), v (the row's version), p (pending units)
-- ARGV[i]    the units of the line at KEYS[i + 2], a whole number of at least 1
--
-- Returns a flat array: an outcome, then the positions (from 1) of ALL lines
-- that caused it:
--   {0}          FROZEN        the hold is pending now
--   {1}          DUPLICATE     it was pending already; nothing changed
--   {2, i, ...}  NOT_LOADED    the gate knows nothing of these rows
--   {3, i, ...}  INSUFFICIENT  q - p < units on these lines
--
-- Atomic, because two holds that each fit alone must not both pass.
-- Safe to repeat: the second run finds the hold pending and changes nothing.
-- Every check comes before the first write, since an error in a script does
-- not undo the writes before it. A full Redis refuses this script before it
-- starts; the caller then goes to the ledger without the gate.

local FROZEN, DUPLICATE, NOT_LOADED, INSUFFICIENT = 0, 1, 2, 3
local FIRST_ROW = 3
local FIELDS_PER_CALL = 1000 -- unpack fails at some 8,000 values; must be even

local pending = KEYS[1]
local hold = KEYS[2]

-- Lua writes a large number as 1e+14, which Redis does not read as a whole one.
local function digits(number)
  return string.format('%.0f', number)
end

if redis.call('ZSCORE', pending, hold) then
  return {DUPLICATE}
end

local not_loaded = {NOT_LOADED}
local short = {INSUFFICIENT}
local taken = {} -- p of each row once the hold is in
for i = FIRST_ROW, #KEYS do
  local line = i - FIRST_ROW + 1
  local units = tonumber(ARGV[line])
  local row = redis.call('HMGET', KEYS[i], 'q', 'v', 'p')
  local q, v, p = tonumber(row[1]), tonumber(row[2]), tonumber(row[3])
  if not (q and v and p) then
    not_loaded[#not_loaded + 1] = line
  elseif q - p < units then
    short[#short + 1] = line
  else
    taken[i] = digits(p + units)
  end
end
if #not_loaded > 1 then
  return not_loaded
end
if #short > 1 then
  return short
end

local time = redis.call('TIME')
local now = digits(time[1] * 1000 + math.floor(time[2] / 1000))

local fields = {}
for i = FIRST_ROW, #KEYS do
  redis.call('HSET', KEYS[i], 'p', taken[i])
  fields[#fields + 1] = KEYS[i]
  fields[#fields + 1] = ARGV[i - FIRST_ROW + 1]
end
redis.call('DEL', hold) -- lines of a hold whose entry was lost in a half-done wipe
for i = 1, #fields, FIELDS_PER_CALL do
  redis.call('HSET', hold, unpack(fields, i, math.min(i + FIELDS_PER_CALL - 1, #fields)))
end
redis.call('ZADD', pending, now, hold)
return {FROZEN}
