-- Tells how groups of one channel are.
--
-- KEYS   of each group those of group-book.lua
-- Reply  of each { settings, after, created, redelivered, missed, how many are out, held back, dead letters, first delivery of the
--        oldest that is out (milliseconds, or nil), { clientId, leases, … } }, nil if there is no such group
local reply = {}
for k = 1, #KEYS, 8 do
  local _, group, entries, due, since, _, workers, dead = unpack(KEYS, k, k + 7)
  local settings, after, created, redelivered, missed =
    unpack(redis.call('HMGET', group, 'settings', 'after', 'created', 'redelivered', 'missed'))
  local out = redis.call('ZCARD', due)
  reply[#reply + 1] = settings and {
    settings, after, created, redelivered, missed, out, redis.call('HLEN', entries) - out, redis.call('ZCARD', dead),
    redis.call('ZRANGE', since, 0, 0, 'WITHSCORES')[2] or false, redis.call('HGETALL', workers),
  }
end
return reply
