#!lua flags=allow-oom
-- reclaim: free the units that stock rows count as pending and that no pending
-- hold has. They leak when Redis loses the list of pending holds, or some of it,
-- and keeps the rows: nobody is left who would give them back.
--
-- KEYS[1]   the sorted set of pending holds: member = hold name, score = when it
--           was frozen, in milliseconds of this server's clock
-- KEYS[2]   the hash of their lines: field = hold name, value = for each line
--           its row key, a newline, its units and a newline
-- KEYS[3..] stock rows, each once; a hash of q (quota), v (version), p (pending
--           units)
-- ARGV[1]   how many holds and lines this run may count; then it ends with the
--           holds of the millisecond that it is in
-- ARGV[2]   the score up to which runs before this one have counted, or -inf
-- ARGV[i]   the units that they counted for the row at KEYS[i], from i = 3 on
--
-- Returns texts, one for ARGV[2] and one for each row, in order: either the score
-- up to which holds are counted now, and the units counted, for the next run; or
-- an empty text, and the units that were freed of each row, as 0 or more.
--
-- A row's p falls to what the pending holds have of it, which is what will be
-- given back. It is never raised: a row that counts too few, since it was loaded
-- while holds were pending, costs the ledger an operation that it refuses, and no
-- sale.
--
-- Atomic, because p and the holds change together in freeze and in settle, and
-- differ between two looks without any leak.
-- Work that is too much for one run is several, and then p is compared in the
-- last one with what all of them counted. That is never less than what is pending
-- at that moment: holds that were settled since are counted too much, and those
-- that were frozen since have a later score and are still to come. So several runs
-- free too little at worst, and what is left is freed in another round.
-- Safe to repeat, for the same reason. Everything is read before the first write.
-- allow-oom, because a full Redis must be able to sell.

local HOLDS_AT_ONCE = 64 -- to read: not many more than the budget allows

local pending, lines_of = KEYS[1], KEYS[2]
local budget, last = tonumber(ARGV[1]), ARGV[2]
local call = redis.call

-- Numbers are written out here: Lua and some versions of Redis write a large one
-- as 1e+14, which Redis does not read as a whole number. %d is faster, and may be
-- limited to 32 bits.
local function digits(number)
  return string.format(number < 1e9 and '%d' or '%.0f', number)
end

local held, counted = {}, {} -- by row key
local suspect = 0            -- rows of which more is held than counted
for i = 3, #KEYS do
  local row = KEYS[i]
  local values = call('HMGET', row, 'q', 'v', 'p')
  local q, v, p = tonumber(values[1]), tonumber(values[2]), tonumber(values[3])
  held[row] = q and v and p or 0 -- of a row that is not loaded, nothing
  counted[row] = tonumber(ARGV[i])
  if held[row] > counted[row] then
    suspect = suspect + 1
  end
end

local function count(lines)
  budget = budget - 1
  local at = 1
  while lines and at <= #lines do
    local _, _, row, units, next_line = string.find(lines, '^([^\n]+)\n(%d+)\n()', at)
    if not row then
      return -- freeze did not write that, and settle will not give it back
    end
    local before = counted[row]
    if before then
      counted[row] = before + units
      if before < held[row] and counted[row] >= held[row] then
        suspect = suspect - 1
      end
    end
    budget = budget - 1
    at = next_line
  end
end

local reply = {}
local rank = call('ZCOUNT', pending, '-inf', last)
while suspect > 0 do
  local some = call('ZRANGE', pending, rank, rank + HOLDS_AT_ONCE - 1, 'WITHSCORES')
  if #some == 0 then
    break
  end
  local names = {}
  for i = 1, #some, 2 do
    names[#names + 1] = some[i]
  end
  local lines = call('HMGET', lines_of, unpack(names))
  for i = 1, #names do
    local since = some[2 * i]
    if budget <= 0 and since ~= last then
      reply[1] = last
      for row = 3, #KEYS do
        reply[row - 1] = digits(counted[KEYS[row]])
      end
      return reply
    end
    last = since
    count(lines[i])
  end
  rank = rank + #names
end

reply[1] = ''
for i = 3, #KEYS do
  local row = KEYS[i]
  local leaked = math.max(held[row] - counted[row], 0)
  if leaked > 0 then
    call('HSET', row, 'p', digits(counted[row]))
  end
  reply[i - 1] = digits(leaked)
end
return reply
