-- Stores all that a group holds, unless there is one.
--
-- KEYS[1…8]  see group-book.lua
-- KEYS[9]    set   the groups of the channel
-- ARGV[1]    JSON: name    of the group among those of the channel
--                  group   fields and values of KEYS[2]
--                  due, dying, dead, since  scores and ids of the sorted sets
--                  queues  fields and values of KEYS[7]
-- Reply      1, or 0 if there is such a group
--
-- It is notified as what was released.
if redis.call('HEXISTS', KEYS[2], 'settings') == 1 then return 0 end
local args = cjson.decode(ARGV[1])

-- Lua passes a limited number of values to a function.
local MOST_AT_ONCE = 1000

local function write(command, key, values)
  for from = 1, #values, MOST_AT_ONCE do
    redis.call(command, key, unpack(values, from, math.min(from + MOST_AT_ONCE - 1, #values)))
  end
end

-- What is there without a group is of none.
redis.call('UNLINK', unpack(KEYS, 2, 8))
write('ZADD', KEYS[3], args.due)
write('ZADD', KEYS[4], args.dying)
write('ZADD', KEYS[5], args.dead)
write('ZADD', KEYS[6], args.since)
write('HSET', KEYS[7], args.queues)
write('HSET', KEYS[2], args.group)
redis.call('SADD', KEYS[9], args.name)
redis.call('SPUBLISH', KEYS[1] .. ':new', 'released')
return 1
