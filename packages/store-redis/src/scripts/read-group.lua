-- Reads all that a group holds.
--
-- KEYS   see group-book.lua
-- Reply  { fields and values of the group, ids and scores of those that are leased or wait, the same of those that were handed out, values
--        of its order and { first, last } that wait for them, the time in milliseconds }; what there is none of is empty. See group-book.lua
local clock = redis.call('TIME')
return {
  redis.call('HGETALL', KEYS[2]), redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES'), redis.call('ZRANGE', KEYS[6], 0, -1, 'WITHSCORES'),
  redis.call('HGETALL', KEYS[7]), string.format('%d%03d', clock[1], math.floor(clock[2] / 1000)),
}
