-- Mends a channel whose list of events was deleted, evicted or cut by somebody else: it begins behind what is lost. A channel that is
-- sound stays as it is.
--
-- KEYS[1]  hash  the channel: first, last
-- KEYS[2]  list  the events
-- Reply    oldest id kept now, or nil if there is no channel
--
-- If it has changed it is notified on KEYS[1] and ':new', on one line: "<first kept>".

-- include in-row

local first, last = unpack(redis.call('HMGET', KEYS[1], 'first', 'last'))
if not last then return false end
first, last = tonumber(first), tonumber(last)
local length = redis.call('LLEN', KEYS[2])
local kept = in_row(KEYS[2], length, last)
if kept == length and kept == last - first + 1 then return first end
redis.call('LTRIM', KEYS[2], length - kept, -1)
first = last - kept + 1
redis.call('HSET', KEYS[1], 'first', string.format('%.0f', first))
redis.call('SPUBLISH', KEYS[1] .. ':new', string.format('%.0f', first))
return first
