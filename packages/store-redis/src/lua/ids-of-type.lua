-- Finds the ids filed under a type after an id: the first half of a typed read.
--
-- KEYS[1]  hash  the channel: first, last
-- KEYS[2]  list  the type file: ids, ascending; it may still begin with ids of events that were dropped
-- ARGV[1]  after
-- ARGV[2]  most ids
-- Reply    { first, last, id, id, … }; { nil, nil } where there is no channel
local reply = redis.call('HMGET', KEYS[1], 'first', 'last')
if not reply[2] then return reply end
local ids = KEYS[2]
local after = math.max(tonumber(ARGV[1]), tonumber(reply[1]) - 1)
local size = redis.call('LLEN', ids)

-- Most readers are near the end: go back from there in growing steps, then halve.
local low, high, step = 0, size, 1
while high > 0 do
  local probe = math.max(size - step, 0)
  if tonumber(redis.call('LINDEX', ids, probe)) <= after then
    low = probe + 1
    break
  end
  high, step = probe, step * 4
end
while low < high do
  local middle = math.floor((low + high) / 2)
  if tonumber(redis.call('LINDEX', ids, middle)) <= after then low = middle + 1 else high = middle end
end

for _, id in ipairs(redis.call('LRANGE', ids, low, low + tonumber(ARGV[2]) - 1)) do reply[#reply + 1] = id end
return reply
