#!lua flags=allow-oom
-- settle: tell the gate what the ledger committed: new views of stock rows,
-- and holds that are no longer pending, whatever became of them.
--
-- KEYS[1]        the sorted set of pending holds: member = hold key
-- KEYS[2..n+1]   n stock rows, each a hash of q (quota: the ledger's
--                available), v (the row's version), p (pending units)
-- KEYS[n+2..]    hold hashes: field = row key, value = units. The rows to give
--                units back to are the ones that freeze wrote here: they have
--                the same hash tag, and so the same slot.
-- ARGV[1]        n
-- ARGV[2]        how many lines of holds this run may give back; it takes no
--                further hold once they are used up
-- ARGV[2i+1]     quota of the row at KEYS[i + 1]
-- ARGV[2i+2]     version of the row at KEYS[i + 1]
--
-- Returns how many of the holds it dealt with, in order. If not all of them,
-- it did not look at the views: the caller sends those again with the rest.
--
-- A view is taken if its version is newer than the row's, or if the row is not
-- loaded; a row that gets loaded starts with nothing pending. When no hold is
-- pending at the end, p of every row named here, by a view or by a line,
-- becomes 0: units leaked by a lost or reverted Redis end there.
--
-- Atomic, because q falls and p falls for the same units: between the two they
-- would count twice or not at all.
-- Safe to repeat: versions only grow, and a hold gives its units back only
-- while it is pending. Everything is read before the first write.
-- allow-oom, because a full Redis must still give units back.

local pending = KEYS[1]
local view_count = tonumber(ARGV[1])
local line_budget = tonumber(ARGV[2])
local first_hold = view_count + 2

-- Lua writes a large number as 1e+14, which Redis does not read as a whole one.
local function digits(number)
  return string.format('%.0f', number)
end

local rows = {}  -- row key -> what was read, and what is to change
local order = {} -- the row keys as they came, so that every run writes alike
local function read(key)
  local row = rows[key]
  if not row then
    local values = redis.call('HMGET', key, 'q', 'v', 'p')
    local q, v, p = tonumber(values[1]), tonumber(values[2]), tonumber(values[3])
    row = {loaded = q and v and p, version = v, pending = p, freed = 0, view = nil}
    rows[key] = row
    order[#order + 1] = key
  end
  return row
end

local done = 0
local ended = {} -- the holds to remove
local seen = {}
for i = first_hold, #KEYS do
  if line_budget <= 0 then
    break
  end
  local hold = KEYS[i]
  if not seen[hold] and redis.call('ZSCORE', pending, hold) then
    local lines = redis.call('HGETALL', hold)
    for j = 1, #lines, 2 do
      local row = read(lines[j])
      row.freed = row.freed + (tonumber(lines[j + 1]) or 0)
    end
    line_budget = line_budget - #lines / 2
    ended[#ended + 1] = hold
  end
  seen[hold] = true
  done = done + 1
end

if first_hold + done > #KEYS then
  for i = 1, view_count do
    local row = read(KEYS[i + 1])
    local quota, version = ARGV[2 * i + 1], ARGV[2 * i + 2]
    if not row.loaded then
      row.loaded, row.version, row.pending = true, tonumber(version), nil
      row.view = {quota, version}
    elseif tonumber(version) > row.version then
      row.version = tonumber(version)
      row.view = {quota, version}
    end
  end
end

for _, hold in ipairs(ended) do
  redis.call('ZREM', pending, hold)
  redis.call('DEL', hold)
end
local idle = redis.call('ZCARD', pending) == 0
for _, key in ipairs(order) do
  local row = rows[key]
  if row.view then
    redis.call('HSET', key, 'q', row.view[1], 'v', row.view[2])
  end
  if row.loaded then
    local left = 0
    if row.pending and not idle then
      left = math.max(row.pending - row.freed, 0)
    end
    if left ~= row.pending then
      redis.call('HSET', key, 'p', digits(left))
    end
  end
end
return done
