-- Looks up where many channels begin and end.
--
-- KEYS   hashes  the channels: first, last, time, epoch, redactions, deleted
-- Reply  { { those fields, nil for one that is missing }, … }, nil for what is no channel
local reply = {}
for i, channel in ipairs(KEYS) do
  local found = redis.pcall('HMGET', channel, 'first', 'last', 'time', 'epoch', 'redactions', 'deleted')
  reply[i] = not found.err and found
end
return reply
