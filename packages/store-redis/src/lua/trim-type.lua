-- Drops from a type file the ids of events that the channel has dropped; a bounded number of them.
--
-- KEYS[1]  hash  the channel: first
-- KEYS[2]  set   the types that have a file
-- KEYS[3]  list  the type file
-- ARGV[1]  the type
-- ARGV[2]  most ids to drop now
-- Reply    number of ids dropped
local first = tonumber(redis.call('HGET', KEYS[1], 'first') or 1)
local low, high = 0, math.min(redis.call('LLEN', KEYS[3]), tonumber(ARGV[2]))
while low < high do
  local middle = math.floor((low + high) / 2)
  if tonumber(redis.call('LINDEX', KEYS[3], middle)) < first then low = middle + 1 else high = middle end
end
if low > 0 then redis.call('LTRIM', KEYS[3], low, -1) end
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end
return low
