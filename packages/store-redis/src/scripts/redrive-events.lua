-- Dead letters of a group become due again, as if they had not been delivered yet.
--
-- KEYS      see group-book.lua
-- ARGV[1]   JSON: ids    of the events; left out: the oldest
--                 limit  how many at most
-- Reply     { 'no-group' }, or { 'redriven', { id, … } }
--
-- include group-book
local args = cjson.decode(ARGV[1])
if redis.call('EXISTS', GROUP) == 0 then return { 'no-group' } end

local found = {}
if args.ids then
  for _, id in ipairs(args.ids) do
    if #found >= 2 * args.limit then break end
    local letter = redis.call('ZRANGE', DEAD, id, id, 'BYSCORE')[1]
    if letter then found[#found + 1], found[#found + 2] = letter, id end
  end
else
  found = redis.call('ZRANGE', DEAD, 0, args.limit - 1, 'WITHSCORES')
end

local ids, no_longer_dead = {}, {}
for i = 1, #found, 2 do
  local id = string.format('%016.0f', found[i + 1])
  local dead_letter, value = string.match(found[i], '^(%d+) (.*)$')
  if not entry(id) then
    local e = new_entry(id, value, dead_letter)
    begin(e)
    if e.state == 'D' then e.due = now end
    ids[#ids + 1], no_longer_dead[#no_longer_dead + 1] = id, found[i]
  end
end
write({})
call_with('ZREM', DEAD, no_longer_dead)
if more_out > 0 then tell_released() end
return { 'redriven', ids }
