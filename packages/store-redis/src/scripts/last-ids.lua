-- Looks up the newest ids of many channels.
--
-- KEYS   hashes  the channels: last
-- Reply  { id, id, … }, '0' for a channel that holds nothing, nil for what is no channel
local reply = {}
for i, channel in ipairs(KEYS) do
  local last = redis.pcall('HGET', channel, 'last')
  reply[i] = type(last) ~= 'table' and (last or '0')
end
return reply
