-- Looks up by which values events are found in an index.
--
-- KEYS[1]  list  the entries of the index in the order of their ids: "<id> <value>"
-- ARGV[1]  JSON: the ids of the events
-- Reply    of each its value; empty if it has none

-- include find-entry

local values = {}
for i, id in ipairs(cjson.decode(ARGV[1])) do
  local entry = find_entry(KEYS[1], id)
  values[i] = entry and string.match(entry, '^%d+ (.*)$') or ''
end
return values
