#!lua flags=allow-oom
-- Removes entries of an index whose events are kept; as many as are quickly done.
--
-- KEYS[1]   list   the entries in the order of their ids: "<id> <value>". One that is removed stays as "<id> ", which is found by nothing
-- KEYS[2…]  lists  the ids that have a value, ascending; one for each of the entries
-- ARGV[1]   JSON: the entries; those that are gone are passed over
-- Reply     how many of them are done
--
-- It gives memory back, so a Redis that has none left runs it all the same.

-- include find-entry

-- Ids that are walked over, about: a few milliseconds.
local MOST_WALKED = 200000

local walked = 0
local entries = cjson.decode(ARGV[1])
for i, entry in ipairs(entries) do
  local id = string.match(entry, '^%d+')
  local found, index = find_entry(KEYS[1], tonumber(id))
  if found == entry then
    redis.call('LSET', KEYS[1], index, id .. ' ')
    walked = walked + redis.call('LLEN', KEYS[i + 1])
    redis.call('LREM', KEYS[i + 1], 1, id)
  end
  if walked >= MOST_WALKED then return i end
end
return #entries
