-- Dead letters of a group become due again, as if they had not been delivered yet.
--
-- KEYS      see group-book.lua
-- ARGV[1]   JSON: ids        of the events, ascending, each once; left out: the oldest
--                 limit      how many at most
--                 most_held  see group-book.lua
-- Reply     { 'no-group' }, or { 'redriven', { id, … } }, ascending
--
-- include group-book
if not settings then return { 'no-group' } end

local wanted = args.ids
if not wanted then
  wanted = redis.call('ZRANGE', DEAD, 0, args.limit - 1)
  table.sort(wanted)
end
local ids, behind = {}, {}
load_entries(wanted)
for _, id in ipairs(wanted) do
  local e = entries[id]
  if e and e.state == 'D' and #ids < args.limit then
    ids[#ids + 1] = id
    e.count, e.ended, e.client, e.reason, e.history = 0, '0', '', '', ''
    if e.value ~= '' and queue(e.value) then
      behind[#behind + 1] = e
    else
      begin(e)
      make_due(e, now)
    end
  end
end
-- The last one goes to the front first.
for i = #behind, 1, -1 do
  move(behind[i], 'H')
  hold_back_first(behind[i])
end
write()
tell_if_released()
return { 'redriven', ids }
