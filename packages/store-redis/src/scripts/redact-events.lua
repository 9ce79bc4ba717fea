#!lua flags=allow-oom
-- Replaces events by what is left of them.
--
-- KEYS[1]   hash  the channel: first, redactions (how often this was done; missed notifications are found by it)
-- KEYS[2]   list  the events
-- ARGV[1]   JSON: their ids
-- ARGV[2…]  of each what its JSON text begins with: id, timestamp, from and type. If that of the event is another it is left alone
-- Reply     of each 1 or 0: whether it is redacted now
--
-- If one was replaced it is notified on KEYS[1] and ':new', on one line: "<first kept> redacted".
--
-- It gives memory back, so a Redis that has none left runs it all the same.
local first = redis.call('HGET', KEYS[1], 'first')
local reply, has_changed = {}, false
for i, id in ipairs(cjson.decode(ARGV[1])) do
  local head = ARGV[i + 1]
  local index = first and id >= tonumber(first) and string.format('%.0f', id - tonumber(first))
  local event = index and redis.call('LINDEX', KEYS[2], index)
  reply[i] = 0
  if event and string.sub(event, 1, #head) == head then
    redis.call('LSET', KEYS[2], index, head .. ',"redacted":true}')
    reply[i], has_changed = 1, true
  end
end
if has_changed then
  redis.call('HINCRBY', KEYS[1], 'redactions', 1)
  redis.call('SPUBLISH', KEYS[1] .. ':new', first .. ' redacted')
end
return reply
