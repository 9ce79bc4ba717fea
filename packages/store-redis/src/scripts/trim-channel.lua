#!lua flags=allow-oom
-- Drops the oldest events of a channel that are too many or too old; a bounded number of them.
-- Ids go on counting: `last` stays.
--
-- KEYS[1]  hash  the channel: first, last, time, swept (type lists hold no ids below; missing if nothing was dropped yet),
--                future ("<last id> <milliseconds>": newest event that was there when timestamps of the future were seen first, and
--                when that was; missing if there are none)
-- KEYS[2]  list  the events
-- KEYS[3]  zset  the gaps (see import-events.lua)
-- ARGV[1]  JSON: firstId         oldest id to keep; missing: this drops nothing
--                maxEvents       most events to keep, 0 for any number
--                maxAgeMs        age after which an event is dropped, 0 for never
--                now             what ages are counted to, milliseconds since the Unix epoch
--                maxDropped      most events to drop now
--                typesTrimmedTo  if type lists were trimmed: they hold no ids below this one
-- Reply    { 'trimmed', number dropped, oldest id kept, whether type lists may hold ids below it: 1 or 0 }, or
--          { 'no-channel' }, or { 'to-mend' } if the list has not what the hash tells: nothing is dropped
--
-- If something was dropped it is notified on KEYS[1] and ':new', on one line: "<first kept>".
--
-- It gives memory back, so a Redis that has none left runs it all the same.

-- include next-gap

local args = cjson.decode(ARGV[1])
local first, last, time, swept, future = unpack(redis.call('HMGET', KEYS[1], 'first', 'last', 'time', 'swept', 'future'))
if not last then return { 'no-channel' } end
first, last, swept = tonumber(first), tonumber(last), tonumber(swept or 1)
local kept = last - first + 1
if redis.call('LLEN', KEYS[2]) ~= kept then return { 'to-mend' } end
-- Redis may have come back older meanwhile: they are trimmed to no more than what is there.
local trimmed_to = math.min(args.typesTrimmedTo or 0, first)
if trimmed_to > swept then
  swept = trimmed_to
  redis.call('HSET', KEYS[1], 'swept', string.format('%.0f', swept))
end

local drop = 0
if args.maxEvents > 0 then drop = math.max(kept - args.maxEvents, 0) end
if args.firstId then drop = math.max(drop, math.min(args.firstId - first, kept)) end
drop = math.min(drop, args.maxDropped)

if args.maxAgeMs > 0 and drop < args.maxDropped then
  local oldest = args.now - args.maxAgeMs
  -- A timestamp that lies no further ahead is as good as right, milliseconds.
  local SETTLED_MS = 600000

  -- Of an event, or, where there is a gap, of the one behind it; the newest if none is.
  local function timestamp(index)
    local event = redis.call('LINDEX', KEYS[2], string.format('%.0f', index))
    if event and string.find(event, '^%d') then
      local _, to = next_gap(KEYS[3], event)
      event = to and redis.call('LINDEX', KEYS[2], string.format('%.0f', to + 1 - first))
      if not event then return tonumber(time) end
    end
    return event and tonumber(string.match(event, '^{"id":%d+,"timestamp":(%d+)'))
  end
  local function is_old(index)
    local found = timestamp(index)
    return found and found < oldest
  end
  local function is_ahead(found) return found and found - args.now > SETTLED_MS end

  -- Remembered as futureMark does.
  local mark_id, seen_at = string.match(future or '', '^(%d+) (%d+)$')
  mark_id, seen_at = tonumber(mark_id), tonumber(seen_at)
  if not mark_id or mark_id < first or seen_at > args.now then
    mark_id, seen_at = nil, nil
    if is_ahead(tonumber(time)) or is_ahead(timestamp(0)) then mark_id, seen_at = last, args.now end
    if mark_id then
      redis.call('HSET', KEYS[1], 'future', string.format('%.0f %.0f', mark_id, seen_at))
    elseif future then
      redis.call('HDEL', KEYS[1], 'future')
    end
  end

  -- Timestamps ascend, or whatever lies before one that is old is old as well: look for the first that is young enough.
  local low, high = drop, math.min(kept, args.maxDropped)
  if low < high and is_old(low) then
    while low < high do
      local middle = math.floor((low + high) / 2)
      if is_old(middle) then low = middle + 1 else high = middle end
    end
  end
  if mark_id and seen_at < oldest then
    local marked = math.min(mark_id - first + 1, args.maxDropped)
    while low < marked and is_ahead(timestamp(low)) do low = low + 1 end
  end
  drop = low
end

if drop > 0 then
  -- A channel begins with an event, not with ids that none has.
  local from, to = next_gap(KEYS[3], first + drop)
  if from and from <= first + drop then drop = to + 1 - first end
  redis.call('LTRIM', KEYS[2], drop, -1)
  first = first + drop
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', first - 1))
  redis.call('HSET', KEYS[1], 'first', string.format('%.0f', first))
  redis.call('SPUBLISH', KEYS[1] .. ':new', string.format('%.0f', first))
end
return { 'trimmed', drop, first, swept < first and 1 or 0 }
