#!lua flags=allow-oom
-- Removes entries of events that the channel has dropped from an index.
--
-- KEYS[1]   hash   the channel: first
-- KEYS[2]   list   the entries of the index in the order of their ids: "<id> <value>"
-- KEYS[3…]  lists  the ids that have a value, ascending; one for each of the entries
-- ARGV[1]   JSON: the entries that the index began with when it was read; those that are gone or kept are left alone
-- Reply     number of entries removed
--
-- It gives memory back, so a Redis that has none left runs it all the same.
local entries = cjson.decode(ARGV[1])
local first = tonumber(redis.call('HGET', KEYS[1], 'first') or 1)
for i, entry in ipairs(entries) do
  local id = tonumber(string.match(entry, '^%d+'))
  if id >= first or redis.call('LINDEX', KEYS[2], 0) ~= entry then return i - 1 end
  redis.call('LPOP', KEYS[2])
  if tonumber(redis.call('LINDEX', KEYS[i + 2], 0) or 0) == id then redis.call('LPOP', KEYS[i + 2]) end
end
return #entries
