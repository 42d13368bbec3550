#!lua flags=allow-oom
-- drop: forget stock rows that contradict the ledger, each only if it is still
-- the row that was read.
--
-- KEYS[i]  a stock row: a hash of q (quota), v (version), p (pending units)
-- ARGV[i]  the version that was read from the row at KEYS[i]
--
-- Returns how many rows are gone.
--
-- Atomic, because between a look at the version and the removal a settle may
-- bring a new one, which would be lost.
-- Safe to repeat: a row that is gone has no version. Holds that are pending on
-- a dropped row stay pending; giving their units back finds no row, and does
-- nothing.
-- allow-oom, because a full Redis must be able to forget.

local dropped = 0
for i, row in ipairs(KEYS) do
  if redis.call('HGET', row, 'v') == ARGV[i] then
    dropped = dropped + redis.call('DEL', row)
  end
end
return dropped
