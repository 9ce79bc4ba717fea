-- Removes a group with everything of it.
--
-- KEYS[1]   hash  the channel. The name of its pub/sub channel is that and ':new'
-- KEYS[2]   set   the groups of the channel
-- KEYS[3]   hash  the group
-- KEYS[4…]  what else there is of it, see group-book.lua
-- ARGV[1]   JSON: name of the group among those of the channel
-- Reply     1 if there was one, else 0
local existed = redis.call('EXISTS', KEYS[3])
local name = cjson.decode(ARGV[1]).name
redis.call('UNLINK', unpack(KEYS, 3))
redis.call('SREM', KEYS[2], name)
if existed == 1 then redis.call('SPUBLISH', KEYS[1] .. ':new', 'released ' .. name) end
return existed
