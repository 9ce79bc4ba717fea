-- Saves cursors of consumers of a channel, or of one type of it: those that are not what they were.
--
-- KEYS[1]  hash  clientId to "<id of the last event seen> <when it came to be that, milliseconds> <epoch>", without the epoch
--                if none was ever told
-- KEYS[2]  set   the types of the channel that have consumers; an empty one stands for the channel itself
-- ARGV[1]  JSON: type
--                clients  of each save, in their order, the clientId
--                afters   of each the id of the last event seen, as a string
--                epochs   of each the epoch; empty: the one that it has
--                only     of each: 'epoch' if only that is to change, if it is at `after`; 'new' if it is to be saved only if
--                         there is none; else empty
-- Reply    of each save what the cursor was before it, in the same form; empty if there was none
local args = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local saved_at = string.format(' %d%03d', clock[1], math.floor(clock[2] / 1000))

local stored, saved, before = redis.call('HMGET', KEYS[1], unpack(args.clients)), {}, {}
for i, after in ipairs(args.afters) do
  local client = args.clients[i]
  local known = saved[client] or stored[i] or ''
  -- Servers of versions before have saved the id alone.
  local known_after, known_at, known_epoch = string.match(known, '^(%d+)( ?%d*) ?(%S*)$')
  local epoch = args.epochs[i] ~= '' and args.epochs[i] or known_epoch or ''
  local only = args.only[i]
  before[i] = known
  local stays = (only == 'epoch' and known_after ~= after) or (only == 'new' and known_after)
  if not stays and (known_after ~= after or known_epoch ~= epoch) then
    local at = known_after == after and known_at ~= '' and known_at or saved_at
    saved[client] = after .. at .. (epoch ~= '' and ' ' .. epoch or '')
  end
end
local changed = {}
for client, cursor in pairs(saved) do
  changed[#changed + 1] = client
  changed[#changed + 1] = cursor
end
if #changed > 0 then
  redis.call('HSET', KEYS[1], unpack(changed))
  redis.call('SADD', KEYS[2], args.type)
end
return before
