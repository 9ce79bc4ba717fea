-- Drops the oldest events of a channel that are too many or too old; a bounded number of them.
-- Ids go on counting: `last` stays.
--
-- KEYS[1]  hash  the channel: first, last, swept (type lists hold no ids below; missing if nothing was dropped yet)
-- KEYS[2]  list  the events
-- ARGV[1]  JSON: maxEvents       most events to keep, 0 for any number
--                maxAgeMs        age by the clock of Redis after which an event is dropped, 0 for never
--                maxDropped      most events to drop now
--                typesTrimmedTo  if type lists were trimmed: they hold no ids below this one
-- Reply    { 'trimmed', number dropped, oldest id kept, whether type lists may hold ids below it: 1 or 0 }, or
--          { 'no-channel' }
--
-- If something was dropped it is notified on KEYS[1] and ':new', on one line: "<first kept>".
local args = cjson.decode(ARGV[1])
local first, last, swept = unpack(redis.call('HMGET', KEYS[1], 'first', 'last', 'swept'))
if not last then return { 'no-channel' } end
first, last, swept = tonumber(first), tonumber(last), tonumber(swept or 1)
local kept = last - first + 1
-- Redis may have come back older meanwhile: they are trimmed to no more than what is there.
local trimmed_to = math.min(args.typesTrimmedTo or 0, first)
if trimmed_to > swept then
  swept = trimmed_to
  redis.call('HSET', KEYS[1], 'swept', string.format('%.0f', swept))
end

local drop = 0
if args.maxEvents > 0 then drop = math.max(kept - args.maxEvents, 0) end
drop = math.min(drop, args.maxDropped)

if args.maxAgeMs > 0 and drop < args.maxDropped then
  local clock = redis.call('TIME')
  local oldest = clock[1] * 1000 + math.floor(clock[2] / 1000) - args.maxAgeMs
  local function expired(index)
    local event = redis.call('LINDEX', KEYS[2], index)
    return event and tonumber(string.match(event, '^{"id":%d+,"timestamp":(%d+)')) < oldest
  end
  -- Timestamps ascend: look for the first that is young enough.
  local low, high = drop, math.min(kept, args.maxDropped)
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
  redis.call('SPUBLISH', KEYS[1] .. ':new', string.format('%.0f', first))
end
return { 'trimmed', drop, first, swept < first and 1 or 0 }
