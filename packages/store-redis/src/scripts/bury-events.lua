-- A group is done with events that were dying.
--
-- KEYS      see group-book.lua
-- ARGV[1]   JSON: ids           of the events
--                 dead_letters  of each the id in the channel of dead letters, as a string; 0 if none was written
-- Reply     nothing
--
-- include group-book
local args = cjson.decode(ARGV[1])
load_entries(args.ids)
local dead, is_done = {}, false
for i, id in ipairs(args.ids) do
  local e, dead_letter = entries[id], args.dead_letters[i]
  if e and e.state == 'X' and not e.is_gone then
    finish(e)
    is_done = true
    if dead_letter ~= '0' then dead[#dead + 1], dead[#dead + 2] = id, dead_letter .. ' ' .. e.value end
  end
end
write({})
call_with('ZADD', DEAD, dead)
if is_done then tell_released() end
