-- A group is done with events that were dying.
--
-- KEYS      see group-book.lua
-- ARGV[1]   JSON: a list of { id, id in the channel of dead letters (0: none was written) }
-- Reply     nothing
--
-- include group-book
local dead, is_done = {}, false
for _, buried in ipairs(cjson.decode(ARGV[1])) do
  local e = entry(buried[1])
  if e and e.state == 'X' and not e.is_gone then
    finish(e)
    is_done = true
    if buried[2] > 0 then
      dead[#dead + 1] = string.format('%.0f', e.id)
      dead[#dead + 1] = string.format('%.0f %s', buried[2], e.value)
    end
  end
end
write({})
call_with('ZADD', DEAD, dead)
if is_done then tell_released() end
