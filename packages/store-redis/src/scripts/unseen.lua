-- Counts the events that lie ahead of cursors on a channel and its types.
--
-- KEYS[1]   hash   the channel: first, last
-- KEYS[2]   list   the events
-- KEYS[3]   zset   the gaps (see import-events.lua)
-- KEYS[4…]  lists  the ids filed under a type, ascending; they may still begin with ids of events that were dropped
-- ARGV[1]   JSON: of each cursor { the id of the last event seen, which of the lists of types (from 1), 0 for the whole channel }
-- Reply     of each { how many events, timestamp of the first of them: nil if there is none }

-- include count-up-to
-- include next-gap

-- How many ids lie in gaps up to one, those of dropped gaps too.
local function ids_in_gaps(id)
  local from, to, total = next_gap(KEYS[3], id + 1)
  if from then return total - (to - math.max(from, id + 1) + 1) end
  local newest = redis.call('ZRANGE', KEYS[3], -1, -1)[1]
  return newest and tonumber(string.match(newest, '%d+$')) or 0
end

local first, last = unpack(redis.call('HMGET', KEYS[1], 'first', 'last'))
first, last = tonumber(first or 1), tonumber(last or 0)

local reply = {}
for i, cursor in ipairs(cjson.decode(ARGV[1])) do
  local seen = math.max(cursor[1], first - 1)
  local count, next_id
  if cursor[2] == 0 then
    count, next_id = math.max(last - seen, 0), seen + 1
    if count > 0 then
      count = count - (ids_in_gaps(last) - ids_in_gaps(seen))
      local from, to = next_gap(KEYS[3], next_id)
      if from and from <= next_id then next_id = to + 1 end
    end
  else
    local list = KEYS[3 + cursor[2]]
    local up_to = count_up_to(list, seen)
    count = redis.call('LLEN', list) - up_to
    next_id = count > 0 and tonumber(redis.call('LINDEX', list, up_to))
  end
  local event = count > 0 and redis.call('LINDEX', KEYS[2], string.format('%.0f', next_id - first))
  reply[i] = { count, event and string.match(event, '^{"id":%d+,"timestamp":(%d+)') or false }
end
return reply
