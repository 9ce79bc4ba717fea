-- Finds ids in a list: those of a type, or those whose events have a value in an index.
--
-- KEYS[1]  hash  the channel: first, last, epoch, epochs, redactions
-- KEYS[2]  list  ids, ascending; it may still begin with ids of events that were dropped
-- ARGV[1]  JSON: limit   most ids
--                after   ids above this one, ascending; or else
--                before  ids below this one, descending; neither: from the newest down
-- Reply    { 'found', { first, last, epoch, epochs, redactions, nil for one that is missing }, { id, … } }, or { 'no-channel' }
local args, list = cjson.decode(ARGV[1]), KEYS[2]
local bounds = redis.call('HMGET', KEYS[1], 'first', 'last', 'epoch', 'epochs', 'redactions')
local first = bounds[1]
if not bounds[2] then return { 'no-channel' } end

-- include count-up-to

if args.after then
  local from = count_up_to(list, math.max(args.after, tonumber(first) - 1))
  return { 'found', bounds, redis.call('LRANGE', list, from, from + args.limit - 1) }
end

local to = args.before and count_up_to(list, args.before - 1) or redis.call('LLEN', list)
local ids = {}
if to > 0 then
  local found = redis.call('LRANGE', list, math.max(to - args.limit, 0), to - 1)
  for i = #found, 1, -1 do
    if tonumber(found[i]) < tonumber(first) then break end
    ids[#ids + 1] = found[i]
  end
end
return { 'found', bounds, ids }
