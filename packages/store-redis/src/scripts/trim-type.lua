#!lua flags=allow-oom
-- Drops from the list of a type the ids of events that the channel has dropped; a bounded number of them.
--
-- KEYS[1]  hash  the channel: first
-- KEYS[2]  set   the types that have a list
-- KEYS[3]  list  the ids filed under the type, ascending
-- ARGV[1]  JSON: type, maxDropped (most ids to drop now)
-- Reply    number of ids dropped
--
-- It gives memory back, so a Redis that has none left runs it all the same.
local args = cjson.decode(ARGV[1])
local first = tonumber(redis.call('HGET', KEYS[1], 'first') or 1)
local low, high = 0, math.min(redis.call('LLEN', KEYS[3]), args.maxDropped)
while low < high do
  local middle = math.floor((low + high) / 2)
  if tonumber(redis.call('LINDEX', KEYS[3], middle)) < first then low = middle + 1 else high = middle end
end
if low > 0 then redis.call('LTRIM', KEYS[3], low, -1) end
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('SREM', KEYS[2], args.type) end
return low
