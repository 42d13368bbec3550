#!lua
-- freeze: take the units of holds out of what the gate believes is available.
-- The holds are decided one after the other, each all lines or none, as if they
-- came alone.
--
-- KEYS[1]    the sorted set of pending holds: member = hold name, score = when
--            it was frozen, in milliseconds of this server's clock
-- KEYS[2]    the hash of their lines: field = hold name, value = for each line
--            its row key, a newline, its units and a newline
-- KEYS[3..]  the stock rows of all holds, each once; a hash of q (quota: the
--            ledger's available), v (the row's version), p (pending units)
-- ARGV       for each hold its name and how many lines it has; then for each
--            line the number of its row, where KEYS[3] is 1, and its units, a
--            whole number of at least 1
--
-- Returns an array with one entry for each hold, in order:
--   0            FROZEN        the hold is pending now
--   1            DUPLICATE     it was pending already; nothing changed
--   {2, i, ...}  NOT_LOADED    the gate knows nothing of the rows of these lines
--   {3, i, ...}  INSUFFICIENT  q - p < units on these lines
--   a text       a row cannot be read: what this server says of it
-- Lines count from 1, and ALL that caused the outcome are named.
--
-- Atomic, because two holds that each fit alone must not both pass.
-- Safe to repeat: the second run finds the holds pending and changes nothing.
-- Every check comes before the first write, since an error in a script does
-- not undo the writes before it. The first write is the only one to a key that
-- was not looked at: if it fails, nothing has changed. A full Redis refuses this
-- script before it starts; the caller then goes to the ledger without the gate.

local FROZEN, DUPLICATE, NOT_LOADED, INSUFFICIENT = 0, 1, 2, 3
local AT_ONCE = 900 -- values for one call: unpack fails at some 8,000; even, for pairs

local pending, lines_of = KEYS[1], KEYS[2]
local call = redis.call

-- Numbers are written out here: Lua and some versions of Redis write a large one
-- as 1e+14, which Redis does not read as a whole number. %d is faster, and may be
-- limited to 32 bits.
local function digits(number)
  return string.format(number < 1e9 and '%d' or '%.0f', number)
end

local names, at = {}, 1
while at < #ARGV do
  names[#names + 1] = ARGV[at]
  at = at + 2 + 2 * ARGV[at + 1]
end

local is_pending = {}
for i = 1, #names, AT_ONCE do
  local scores = call('ZMSCORE', pending, unpack(names, i, math.min(i + AT_ONCE - 1, #names)))
  for j, score in ipairs(scores) do
    is_pending[names[i + j - 1]] = score
  end
end

-- By row: q - p as the holds take of it, or false if it is not loaded; p as it was
-- read, and as it will be if a hold takes of it; why it cannot be read.
local free, held, taken, broken = {}, {}, {}, {}
local function read(row)
  -- A stranger's key must not stop the holds that have nothing to do with it.
  local values = redis.pcall('HMGET', KEYS[row + 2], 'q', 'v', 'p')
  local q, v, p = tonumber(values[1]), tonumber(values[2]), tonumber(values[3])
  free[row] = q and v and p and q - p or false
  held[row] = p
  broken[row] = values.err
end

-- judge says why the lines from first to last cannot be frozen, if so.
local function judge(first, last)
  local strange, not_loaded, short
  for i = first, last, 2 do
    local row = tonumber(ARGV[i])
    if free[row] == nil then
      read(row)
    end
    local line = (i - first) / 2 + 1
    if broken[row] then
      strange = strange or broken[row]
    elseif not free[row] then
      not_loaded = not_loaded or {NOT_LOADED}
      not_loaded[#not_loaded + 1] = line
    elseif free[row] < tonumber(ARGV[i + 1]) then
      short = short or {INSUFFICIENT}
      short[#short + 1] = line
    end
  end
  return strange or not_loaded or short
end

-- take counts the lines from first to last as pending, and returns them packed.
local function take(first, last)
  local packed, lines = {}, {}
  for i = first, last, 2 do
    local row, units = tonumber(ARGV[i]), ARGV[i + 1]
    free[row] = free[row] - units
    taken[row] = (taken[row] or held[row]) + units
    lines[#lines + 1] = KEYS[row + 2] .. '\n' .. units .. '\n'
    if #lines == AT_ONCE then -- joining all is too much for the embedded Redis
      packed[#packed + 1], lines = table.concat(lines), {}
    end
  end
  packed[#packed + 1] = table.concat(lines)
  return table.concat(packed)
end

local time = call('TIME')
local now = digits(time[1] * 1000 + math.floor(time[2] / 1000))
local replies = {}
local entries, fields = {}, {} -- of holds that are frozen now, in the two keys
at = 1
for i, name in ipairs(names) do
  local first = at + 2
  at = first + 2 * ARGV[at + 1]
  if is_pending[name] then
    replies[i] = DUPLICATE
  else
    replies[i] = judge(first, at - 1)
    if not replies[i] then
      replies[i] = FROZEN
      is_pending[name] = true
      entries[#entries + 1] = now
      entries[#entries + 1] = name
      fields[#fields + 1] = name
      fields[#fields + 1] = take(first, at - 1)
    end
  end
end

for i = 1, #fields, AT_ONCE do
  call('HSET', lines_of, unpack(fields, i, math.min(i + AT_ONCE - 1, #fields)))
end
for i = 1, #entries, AT_ONCE do
  call('ZADD', pending, unpack(entries, i, math.min(i + AT_ONCE - 1, #entries)))
end
for row = 1, #KEYS - 2 do
  if taken[row] then
    call('HSET', KEYS[row + 2], 'p', digits(taken[row]))
  end
end
return replies
