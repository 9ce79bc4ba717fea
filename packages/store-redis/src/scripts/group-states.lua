-- Tells how groups of one channel are.
--
-- KEYS   of each group those of group-book.lua
-- Reply  of each { settings, after, created, redelivered, missed, how many are out, held back, dead letters, first delivery of the one
--        that is out whose first was first (milliseconds, or nil), { clientId, leases, … } }, nil if there is no such group
local reply = {}
for k = 1, #KEYS, 9 do
  local _, group, entries, due, dying, dead, since, _, workers = unpack(KEYS, k, k + 8)
  local settings, after, created, redelivered, missed, forgotten =
    unpack(redis.call('HMGET', group, 'settings', 'after', 'created', 'redelivered', 'missed', 'forgotten'))
  local out, letters = redis.call('ZCARD', due) + redis.call('ZCARD', dying), redis.call('ZCARD', dead)
  reply[#reply + 1] = settings and {
    settings, after, created, redelivered, missed, out, redis.call('HLEN', entries) - out - letters, letters + forgotten,
    redis.call('ZRANGE', since, 0, 0, 'WITHSCORES')[2] or false, redis.call('HGETALL', workers),
  }
end
return reply
