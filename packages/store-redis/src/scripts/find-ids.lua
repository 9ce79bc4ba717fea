-- Finds ids in a list: those of a type, or those whose events have a value in an index.
--
-- KEYS[1]  hash  the channel: first, last, epoch, epochs
-- KEYS[2]  list  ids, ascending; it may still begin with ids of events that were dropped
-- ARGV[1]  JSON: limit   most ids
--                after   ids above this one, ascending; or else
--                before  ids below this one, descending; neither: from the newest down
-- Reply    { 'found', first, last, epoch, epochs, { id, … } } (empty if there are none), or { 'no-channel' }
local args, list = cjson.decode(ARGV[1]), KEYS[2]
local first, last, epoch, epochs = unpack(redis.call('HMGET', KEYS[1], 'first', 'last', 'epoch', 'epochs'))
if not last then return { 'no-channel' } end
epoch, epochs = epoch or '', epochs or ''

-- How many ids there are up to this one.
local function count_up_to(id)
  local size = redis.call('LLEN', list)
  -- Most readers are near the end: go back from there in growing steps, then halve.
  local low, high, step = 0, size, 1
  while high > 0 do
    local probe = math.max(size - step, 0)
    if tonumber(redis.call('LINDEX', list, probe)) <= id then
      low = probe + 1
      break
    end
    high, step = probe, step * 4
  end
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(redis.call('LINDEX', list, middle)) <= id then low = middle + 1 else high = middle end
  end
  return low
end

if args.after then
  local from = count_up_to(math.max(args.after, tonumber(first) - 1))
  return { 'found', first, last, epoch, epochs, redis.call('LRANGE', list, from, from + args.limit - 1) }
end

local to = args.before and count_up_to(args.before - 1) or redis.call('LLEN', list)
local ids = {}
if to > 0 then
  local found = redis.call('LRANGE', list, math.max(to - args.limit, 0), to - 1)
  for i = #found, 1, -1 do
    if tonumber(found[i]) < tonumber(first) then break end
    ids[#ids + 1] = found[i]
  end
end
return { 'found', first, last, epoch, epochs, ids }
