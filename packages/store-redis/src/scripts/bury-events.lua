-- A group is done with events that were dying.
--
-- KEYS      see group-book.lua
-- ARGV[1]   JSON: ids           of the events
--                 dead_letters  of each the id in the channel of dead letters, as a string; 0 if none was written
--                 most_held     see group-book.lua
-- Reply     nothing
--
-- include group-book
if not settings then return end

local more_forgotten = 0
load_entries(args.ids)
for i, id in ipairs(args.ids) do
  local e, dead_letter = entries[id], args.dead_letters[i]
  -- If its dead letter is the one that it had before it is that of an earlier turn.
  if e and e.state == 'X' and (dead_letter == '0' or dead_letter ~= e.dead_letter) then
    finish(e)
    if dead_letter == '0' then
      more_forgotten = more_forgotten + 1
    else
      -- The dead letter has them.
      e.client, e.reason, e.history = '', '', ''
      e.dead_letter = dead_letter
      move(e, 'D', tonumber(e.ended))
    end
  end
end
if more_forgotten > 0 then set('forgotten', whole(redis.call('HGET', GROUP, 'forgotten') + more_forgotten)) end
write()
tell_if_released()
