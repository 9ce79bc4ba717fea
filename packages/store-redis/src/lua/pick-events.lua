-- Fetches single events: the second half of a typed read, where they lie far apart.
--
-- KEYS[1]  hash  the channel: first
-- KEYS[2]  list  the events
-- ARGV     ids, ascending
-- Reply    the JSON texts of those that are still kept
local first = tonumber(redis.call('HGET', KEYS[1], 'first'))
local found = {}
if not first then return found end
for _, id in ipairs(ARGV) do
  local index = tonumber(id) - first
  local event = index >= 0 and redis.call('LINDEX', KEYS[2], string.format('%.0f', index))
  if event then found[#found + 1] = event end
end
return found
