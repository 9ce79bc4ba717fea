-- Adds entries to an index and moves its position, unless somebody else has moved it.
--
-- KEYS[1]   string  the position: id of the last event that the index has looked at
-- KEYS[2]   list    the entries in the order of their ids: "<id> <value>"
-- KEYS[3…]  lists   the ids that have a value, ascending; one for each value of this call
-- ARGV[1]   the position that the entries begin after
-- ARGV[2]   the position with the entries
-- ARGV[3…]  three for each entry, ascending by id: id, index of the list of its value in KEYS, the value
-- Reply     the position now
local position = tonumber(redis.call('GET', KEYS[1]) or 0)
if position ~= tonumber(ARGV[1]) then return position end
for i = 3, #ARGV, 3 do
  redis.call('RPUSH', KEYS[2], ARGV[i] .. ' ' .. ARGV[i + 2])
  redis.call('RPUSH', KEYS[tonumber(ARGV[i + 1])], ARGV[i])
end
redis.call('SET', KEYS[1], ARGV[2])
return tonumber(ARGV[2])
