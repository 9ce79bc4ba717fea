-- Looks up where many channels end.
--
-- KEYS   hashes  the channels: last, epoch
-- Reply  { { newest id, epoch }, … }, { '0', '' } for a channel that holds nothing, nil for what is no channel
local reply = {}
for i, channel in ipairs(KEYS) do
  local found = redis.pcall('HMGET', channel, 'last', 'epoch')
  reply[i] = not found.err and { found[1] or '0', found[2] or '' }
end
return reply
