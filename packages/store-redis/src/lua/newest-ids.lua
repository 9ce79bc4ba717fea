-- Finds the newest ids of a list: those of a type, or those whose events have a value in an index.
--
-- KEYS[1]  hash  the channel: first, last
-- KEYS[2]  list  ids, ascending; it may still begin with ids of events that were dropped
-- ARGV[1]  only ids below this one, 0 for all
-- ARGV[2]  most ids
-- Reply    { first, last, id, id, … }, ids descending; { nil, nil } where there is no channel
local reply = redis.call('HMGET', KEYS[1], 'first', 'last')
if not reply[2] then return reply end
local ids, first, before = KEYS[2], tonumber(reply[1]), tonumber(ARGV[1])

local high = redis.call('LLEN', ids)
if before > 0 then
  local low = 0
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(redis.call('LINDEX', ids, middle)) < before then low = middle + 1 else high = middle end
  end
end
if high == 0 then return reply end

local found = redis.call('LRANGE', ids, math.max(high - tonumber(ARGV[2]), 0), high - 1)
for i = #found, 1, -1 do
  if tonumber(found[i]) < first then break end
  reply[#reply + 1] = found[i]
end
return reply
