#!lua flags=allow-oom
-- settle: tell the gate what the ledger committed: new views of stock rows,
-- and holds that are no longer pending, whatever became of them.
--
-- KEYS[1]    the sorted set of pending holds: member = hold name
-- KEYS[2]    the hash of their lines: field = hold name, value = for each line
--            its row key, a newline, its units and a newline. The rows to give
--            units back to are the ones that freeze wrote here: they have the
--            same hash tag, and so the same slot.
-- KEYS[3..]  n stock rows, each a hash of q (quota: the ledger's available),
--            v (the row's version), p (pending units)
-- ARGV[1]    n
-- ARGV[2]    how many lines of holds this run may give back; it takes no
--            further hold once they are used up
-- ARGV[2i+1] quota of the row at KEYS[i + 2], for i from 1 to n
-- ARGV[2i+2] version of that row
-- ARGV[2n+3..] hold names
--
-- Returns how many of the holds it dealt with, in order. If not all of them,
-- it did not look at the views: the caller sends those again with the rest.
--
-- A view is taken if its version is newer than the row's, or if the row is not
-- loaded; a row that gets loaded starts with nothing pending. When no hold is
-- pending at the end, p of every row named here, by a view or by a line,
-- becomes 0: units leaked by a lost or reverted Redis end there. So do lines of
-- holds that are not pending, since they lost their entry.
--
-- Atomic, because q falls and p falls for the same units: between the two they
-- would count twice or not at all.
-- Safe to repeat: versions only grow, and a hold gives its units back only
-- while it is pending. Everything is read before the first write.
-- allow-oom, because a full Redis must still give units back.

local AT_ONCE = 900      -- values for one call: unpack fails at some 8,000
local HOLDS_AT_ONCE = 64 -- to read: not many more than the line budget allows

local pending, lines_of = KEYS[1], KEYS[2]
local view_count = tonumber(ARGV[1])
local line_budget = tonumber(ARGV[2])
local first_hold, last_hold = 2 * view_count + 3, #ARGV
local call = redis.call

-- Numbers are written out here: Lua and some versions of Redis write a large one
-- as 1e+14, which Redis does not read as a whole number. %d is faster, and may be
-- limited to 32 bits.
local function digits(number)
  return string.format(number < 1e9 and '%d' or '%.0f', number)
end

local rows = {} -- the row keys as they came, so that every run writes alike
-- By row key: what was read, none of it if the row is not loaded; then what is to
-- change.
local version, held = {}, {}
local freed, view = {}, {} -- units; where the view to take is in ARGV
local function read(row)
  if not freed[row] then
    local values = call('HMGET', row, 'q', 'v', 'p')
    local q, v, p = tonumber(values[1]), tonumber(values[2]), tonumber(values[3])
    if q and v and p then
      version[row], held[row] = v, p
    end
    freed[row] = 0
    rows[#rows + 1] = row
  end
end

local ended = {} -- the holds to remove
local seen = {}
local function finish(hold, lines)
  local row, units, next_line
  local _, at = nil, 1
  while lines and at <= #lines do
    _, _, row, units, next_line = string.find(lines, '^([^\n]+)\n(%d+)\n()', at)
    if not row then
      break -- freeze did not write that
    end
    read(row)
    freed[row] = freed[row] + units
    line_budget = line_budget - 1
    at = next_line
  end
  ended[#ended + 1] = hold
end

local hold = first_hold
while hold <= last_hold and line_budget > 0 do
  local first, last = hold, math.min(hold + HOLDS_AT_ONCE - 1, last_hold)
  local scores = call('ZMSCORE', pending, unpack(ARGV, first, last))
  local lines = call('HMGET', lines_of, unpack(ARGV, first, last))
  while hold <= last and line_budget > 0 do
    local name, i = ARGV[hold], hold - first + 1
    if scores[i] and not seen[name] then
      seen[name] = true
      finish(name, lines[i])
    end
    hold = hold + 1
  end
end

if hold > last_hold then
  for i = 1, view_count do
    local row, newer = KEYS[i + 2], tonumber(ARGV[2 * i + 2])
    read(row)
    if not version[row] or newer > version[row] then
      version[row], view[row] = newer, 2 * i + 1
    end
  end
end

for i = 1, #ended, AT_ONCE do
  local last = math.min(i + AT_ONCE - 1, #ended)
  call('ZREM', pending, unpack(ended, i, last))
  call('HDEL', lines_of, unpack(ended, i, last))
end
local idle = call('ZCARD', pending) == 0
if idle then
  call('UNLINK', lines_of)
end

for _, row in ipairs(rows) do
  local left -- of p, where it changes
  if version[row] then
    left = 0
    if held[row] and not idle then
      left = math.max(held[row] - freed[row], 0)
    end
    if left == held[row] then
      left = nil
    end
  end
  local i = view[row]
  if i and left then
    call('HSET', row, 'q', ARGV[i], 'v', ARGV[i + 1], 'p', digits(left))
  elseif i then
    call('HSET', row, 'q', ARGV[i], 'v', ARGV[i + 1])
  elseif left then
    call('HSET', row, 'p', digits(left))
  end
end
return hold - first_hold
