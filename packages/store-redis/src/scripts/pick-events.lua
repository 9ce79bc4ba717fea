-- Fetches single events, if they lie far apart.
--
-- KEYS[1]  hash  the channel: first
-- KEYS[2]  list  the events
-- ARGV[1]  JSON: ids, ascending
-- Reply    the JSON texts of those that are still kept, and the ids as text that no event has (see import-events.lua); an entry that has
--          another id is none of them (see mend-channel.lua)
local first = tonumber(redis.call('HGET', KEYS[1], 'first'))
local found = {}
if not first then return found end
for _, id in ipairs(cjson.decode(ARGV[1])) do
  local event = id >= first and redis.call('LINDEX', KEYS[2], string.format('%.0f', id - first))
  local found_id = event and (string.match(event, '^{"id":(%d+),') or string.match(event, '^%d+$'))
  if found_id and tonumber(found_id) == id then found[#found + 1] = event end
end
return found
