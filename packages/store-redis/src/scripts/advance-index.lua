-- Adds entries to an index and moves its progress on, unless somebody else has moved it.
--
-- KEYS[1]   string  the progress: id of the last event that the index has looked at
-- KEYS[2]   hash    the channel: redactions
-- KEYS[3]   list    the entries in the order of their ids: "<id> <value>"
-- KEYS[4…]  lists   the ids that have a value, ascending; one for each of `values`
-- ARGV[1]   JSON: from, to    the progress before and after
--                 redactions  of the channel when the events were read: if there are others now nothing is added
--                 values      those of the entries, each once
--                 entries     { id, which of `values` }, …, ascending by id
-- Reply     the progress now
local args = cjson.decode(ARGV[1])
local progress = tonumber(redis.call('GET', KEYS[1]) or 0)
if progress ~= args.from then return progress end
if tonumber(redis.call('HGET', KEYS[2], 'redactions') or 0) ~= args.redactions then return progress end
for _, entry in ipairs(args.entries) do
  local id, v = string.format('%.0f', entry[1]), entry[2]
  redis.call('RPUSH', KEYS[3], id .. ' ' .. args.values[v])
  redis.call('RPUSH', KEYS[3 + v], id)
end
redis.call('SET', KEYS[1], string.format('%.0f', args.to))
return args.to
