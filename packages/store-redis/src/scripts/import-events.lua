-- Adds events that have their ids already to the end of a channel. Ids that it leaves out in between have an entry each, the id as
-- text, so that an event is where its id says.
--
-- KEYS[1]   hash   the channel: first, last, time, epoch, epochs, deleted (see append.lua)
-- KEYS[2]   list   the events
-- KEYS[3]   set    the types that have a list
-- KEYS[4]   zset   the gaps: "<first id> <last id> <how many ids lie in gaps up to there, those of dropped gaps too>" by the last id
-- KEYS[5…]  lists  the ids filed under a type, ascending; one for each of `types`
-- ARGV[1]   JSON: expected  the newest id that there is to be, 0 for none
--                 last      the newest id then
--                 time      the newest timestamp given up to there, milliseconds; as a string
--                 epoch, epochs  those of the channel then
--                 deleted   whether the channel is to be as one that was deleted, if it keeps nothing
--                 types     those that the events are filed under
--                 ids       of the events, ascending
--                 filed     of each which of `types`, 0 for none
-- ARGV[2…]  their JSON texts
-- Reply     1, or 0 if the newest id is another: nothing is stored
--
-- It is notified on KEYS[1] and ':new', on one line: "<first kept> imported". Without an event too: what servers know of the last id and
-- the epochs is no longer so.
local args = cjson.decode(ARGV[1])
local channel, events, types, gaps = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function whole(number) return string.format('%.0f', number) end

-- Lua passes a limited number of values to a function.
local MOST_AT_ONCE = 1000

local function push(key, values)
  for from = 1, #values, MOST_AT_ONCE do
    redis.call('RPUSH', key, unpack(values, from, math.min(from + MOST_AT_ONCE - 1, #values)))
  end
end

local known = redis.call('HMGET', channel, 'first', 'last', 'time', 'deleted')
local first, last = tonumber(known[1] or 1), tonumber(known[2] or 0)
if last ~= args.expected then return 0 end
if first > last then
  first = args.ids[1] or args.last + 1
  last = first - 1
end

local texts, filed = {}, {}
local function leave_out(to)
  if to <= last then return end
  local from, total = last + 1, to - last
  local before = redis.call('ZRANGE', gaps, -1, -1)[1]
  if before then
    local before_from, before_to, before_total = string.match(before, '^(%d+) (%d+) (%d+)$')
    total = total + tonumber(before_total)
    -- It goes on.
    if tonumber(before_to) == last then
      redis.call('ZREM', gaps, before)
      from = tonumber(before_from)
    end
  end
  redis.call('ZADD', gaps, whole(to), whole(from) .. ' ' .. whole(to) .. ' ' .. whole(total))
  for id = last + 1, to do texts[#texts + 1] = whole(id) end
  last = to
end

for i, id in ipairs(args.ids) do
  leave_out(id - 1)
  texts[#texts + 1] = ARGV[i + 1]
  local t = args.filed[i]
  if t > 0 then
    filed[t] = filed[t] or {}
    table.insert(filed[t], whole(id))
  end
  last = id
end
leave_out(args.last)

push(events, texts)
for t, ids in pairs(filed) do
  push(KEYS[4 + t], ids)
  redis.call('SADD', types, args.types[t])
end
redis.call('HSET', channel, 'first', whole(first), 'last', whole(last), 'epoch', args.epoch)
if args.epochs == '' then redis.call('HDEL', channel, 'epochs') else redis.call('HSET', channel, 'epochs', args.epochs) end
if not known[3] or tonumber(args.time) > tonumber(known[3]) then redis.call('HSET', channel, 'time', args.time) end
if first > last and args.deleted then
  redis.call('HSET', channel, 'deleted', '1')
elseif known[4] then
  redis.call('HDEL', channel, 'deleted')
end
redis.call('SPUBLISH', channel .. ':new', whole(first) .. ' imported')
return 1
