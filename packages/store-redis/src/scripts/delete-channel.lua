#!lua flags=allow-oom
-- Drops all events of a channel, and marks it as deleted until the next append. Ids go on counting: `last` stays, and so do the epochs.
--
-- KEYS[1]  hash  the channel: first, last, future, deleted (there if it was deleted and nothing was appended since)
-- KEYS[2]  list  the events
-- KEYS[3]  zset  the gaps
-- Reply    1, or 0 if there never was such a channel
--
-- It is notified on KEYS[1] and ':new', on one line: "<first kept> deleted".
--
-- It gives memory back, so a Redis that has none left runs it all the same.
local last = redis.call('HGET', KEYS[1], 'last')
if not last then return 0 end
local first = string.format('%.0f', tonumber(last) + 1)
redis.call('UNLINK', KEYS[2], KEYS[3])
redis.call('HSET', KEYS[1], 'first', first, 'deleted', '1')
redis.call('HDEL', KEYS[1], 'future')
redis.call('SPUBLISH', KEYS[1] .. ':new', first .. ' deleted')
return 1
