-- Saves cursors of consumers of a channel, or of one type of it: those that are elsewhere than where they were.
--
-- KEYS[1]  hash  clientId to "<id of the last event seen> <when that was saved, milliseconds>"
-- KEYS[2]  set   the types of the channel that have consumers; an empty one stands for the channel itself
-- ARGV[1]  JSON: type
--                clients  clientIds, each once
--                afters   of each the id of the last event seen, as a string
-- Reply    number of cursors that are elsewhere now
local args = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local saved_at = string.format(' %d%03d', clock[1], math.floor(clock[2] / 1000))

local known, moved = redis.call('HMGET', KEYS[1], unpack(args.clients)), {}
for i, after in ipairs(args.afters) do
  -- Servers of the version before have saved the id alone.
  if not known[i] or string.match(known[i], '^%d+') ~= after then
    moved[#moved + 1], moved[#moved + 2] = args.clients[i], after .. saved_at
  end
end
if #moved == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(moved))
redis.call('SADD', KEYS[2], args.type)
return #moved / 2
