-- Drops the oldest events of a channel that are too many or too old; a bounded number of them.
-- Ids go on counting: `last` stays.
--
-- KEYS[1]  hash  the channel: first, last, swept (type files hold no ids below; missing where nothing was dropped yet)
-- KEYS[2]  list  the events
-- ARGV[1]  most events to keep, 0 for any number
-- ARGV[2]  age in milliseconds by the clock of Redis after which an event is dropped, 0 for never
-- ARGV[3]  most events to drop now
-- ARGV[4]  name of the notification's pub/sub channel
-- ARGV[5]  type files were brought to this id, 0 for nothing new
-- Reply    { number dropped, oldest id kept, whether type files may hold ids below it: 1 or 0 }
--
-- Where something was dropped it is notified, on one line: "<first kept>".
local first, last, swept = unpack(redis.call('HMGET', KEYS[1], 'first', 'last', 'swept'))
if not last then return { 0, 0, 0 } end
first, last, swept = tonumber(first), tonumber(last), tonumber(swept or 1)
local most_events, age, most_dropped = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = last - first + 1
-- Redis may have come back older meanwhile: it is brought to no more than what is there.
local brought = math.min(tonumber(ARGV[5]), first)
if brought > swept then
  swept = brought
  redis.call('HSET', KEYS[1], 'swept', string.format('%.0f', swept))
end

local drop = 0
if most_events > 0 then drop = math.max(kept - most_events, 0) end
drop = math.min(drop, most_dropped)

if age > 0 and drop < most_dropped then
  local clock = redis.call('TIME')
  local oldest = clock[1] * 1000 + math.floor(clock[2] / 1000) - age
  local function expired(index)
    local event = redis.call('LINDEX', KEYS[2], index)
    return event and tonumber(string.match(event, '^{"id":%d+,"timestamp":(%d+)')) < oldest
  end
  -- Timestamps ascend: look for the first that is young enough.
  local low, high = drop, math.min(kept, most_dropped)
  if low < high and expired(low) then
    while low < high do
      local middle = math.floor((low + high) / 2)
      if expired(middle) then low = middle + 1 else high = middle end
    end
  end
  drop = low
end

if drop > 0 then
  redis.call('LTRIM', KEYS[2], drop, -1)
  first = first + drop
  redis.call('HSET', KEYS[1], 'first', string.format('%.0f', first))
  redis.call('SPUBLISH', ARGV[4], string.format('%.0f', first))
end
return { drop, first, swept < first and 1 or 0 }
