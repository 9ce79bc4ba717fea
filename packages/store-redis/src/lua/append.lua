-- Makes appends to one channel or to several: ids, time, events, type files, idempotency keys, one notification for
-- each channel. What a later id sees, it sees whole.
--
-- KEYS       for each channel three, one after the other:
--              hash  the channel: first (oldest id kept), last (newest id given), time (newest timestamp given)
--              list  the events as JSON texts; event n is at index n - first
--              set   the types that have a file
--            lists   type files: the ids filed under a type, ascending; one for each channel and type of this call
--            strings idempotency keys that were used: "<first id> <timestamp> <fingerprint>"
-- ARGV[1]    most bytes of events that a notification carries
-- ARGV[2]    most events to keep, 0 for all; a tenth more may be there before the oldest are dropped
-- ARGV[3]    how long an idempotency key is remembered, milliseconds
-- ARGV[4…]   for each channel: index of its first key in KEYS, name of the notification's pub/sub channel, number of its
--            appends; index in ARGV of what follows it
--              for each append: number of its events, index of its idempotency key in KEYS (0: none), fingerprint of
--              its events where it has such a key
--                for its events, as many of one type as there are in a row: their number, index of the type file in KEYS
--                (0: none), the type (empty: none), and the JSON text of each from "from" on
-- Reply      { first id given, timestamp, first id given, timestamp, … }: two for each append. Where its idempotency
--            key was used already those that were given then, and 0, 0 where that was for other events; it stores
--            nothing. Where a channel fails and another does not: -1 and the error for each of its appends. Where all
--            fail the call does. A channel that has failed is as it was.
--
-- The notification is lines: "<first kept> <first given> <last given>", and, where the events are small, two for
-- each of them: the type that it is filed under (empty: none), its JSON text.
local most_bytes, most_events, window = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local clock = redis.call('TIME')
local now = string.format('%d%03d', clock[1], math.floor(clock[2] / 1000))

-- Lua passes a limited number of values to a function.
local MOST_AT_ONCE = 1000

local function push(key, values, pushed)
  local length
  for from = 1, #values, MOST_AT_ONCE do
    length = redis.call('RPUSH', key, unpack(values, from, math.min(from + MOST_AT_ONCE - 1, #values)))
  end
  pushed[key] = #values
  return length
end

-- Its arguments begin at ARGV[i]. The reply of each append goes to `reply`, the number of values that were pushed onto a
-- list to `pushed`.
local function append_to_channel(i, reply, pushed)
  local k, notifications, appends = tonumber(ARGV[i]), ARGV[i + 1], tonumber(ARGV[i + 2])
  local channel, events, types = KEYS[k], KEYS[k + 1], KEYS[k + 2]
  local known = redis.call('HMGET', channel, 'first', 'last', 'time')
  local first, last, time = tonumber(known[1] or 1), tonumber(known[2] or 0), now
  -- Clocks step back, and a replica that is promoted brings its own. Both have 13 digits until the year 2286.
  if known[3] and known[3] > time then time = known[3] end

  local newest, bytes, texts, lines, filed, uses = last, 0, {}, { '' }, {}, {}
  i = i + 4
  for _ = 1, appends do
    local count, key, fingerprint = tonumber(ARGV[i]), KEYS[tonumber(ARGV[i + 1])], nil
    i = i + 2
    if key then
      fingerprint = ARGV[i]
      i = i + 1
    end
    local used = key and (uses[key] or redis.call('GET', key))
    if used then
      local id, used_time, used_for = string.match(used, '^(%d+) (%d+) (.*)$')
      if used_for ~= fingerprint then id, used_time = 0, 0 end
      reply[#reply + 1], reply[#reply + 2] = tonumber(id), tonumber(used_time)
      -- Written again as it is: WAIT is about the writes of its own connection.
      if not uses[key] then redis.call('SET', key, used, 'KEEPTTL') end
    else
      reply[#reply + 1], reply[#reply + 2] = newest + 1, tonumber(time)
      if key then uses[key] = string.format('%.0f %s %s', newest + 1, time, fingerprint) end
    end
    while count > 0 do
      local row, file, type = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), ARGV[i + 2]
      if not used then
        local ids
        if file > 0 then
          ids = filed[file] or { type = type }
          filed[file] = ids
        end
        for n = i + 3, i + 2 + row do
          newest = newest + 1
          local id = string.format('%.0f', newest)
          local event = '{"id":' .. id .. ',"timestamp":' .. time .. ',' .. ARGV[n]
          texts[#texts + 1] = event
          if ids then ids[#ids + 1] = id end
          bytes = bytes + #event
          if bytes <= most_bytes then
            lines[#lines + 1], lines[#lines + 2] = type, event
          end
        end
      end
      i = i + 3 + row
      count = count - row
    end
  end

  local count = newest - last
  if count == 0 then return end
  push(events, texts, pushed)
  for file, ids in pairs(filed) do
    if push(KEYS[file], ids, pushed) == #ids then redis.call('SADD', types, ids.type) end
  end
  local kept = newest - first + 1
  if most_events > 0 and kept > most_events + math.floor(most_events / 10) then
    -- A step that stays short where retention has just been turned on for a long channel.
    local drop = math.min(kept - most_events, count + 10000)
    redis.call('LTRIM', events, drop, -1)
    first = first + drop
  end
  redis.call('HSET', channel, 'first', string.format('%.0f', first), 'last', string.format('%.0f', newest), 'time', time)
  for key, use in pairs(uses) do redis.call('SET', key, use, 'PX', window) end

  lines[1] = string.format('%.0f %.0f %.0f', first, last + 1, newest)
  if bytes > most_bytes then lines = { lines[1] } end
  redis.call('SPUBLISH', notifications, table.concat(lines, '\n'))
end

local reply, failure, succeeded = {}, nil, false
local i = 4
while i <= #ARGV do
  local given, pushed = {}, {}
  local ok, reason = pcall(append_to_channel, i, given, pushed)
  if ok then
    succeeded = true
    for n = 1, #given do reply[#reply + 1] = given[n] end
  else
    for key, count in pairs(pushed) do redis.call('LTRIM', key, 0, -count - 1) end
    failure = type(reason) == 'table' and reason.err or tostring(reason)
    for _ = 1, tonumber(ARGV[i + 2]) do
      reply[#reply + 1], reply[#reply + 2] = -1, failure
    end
  end
  i = tonumber(ARGV[i + 3])
end
if failure and not succeeded then return redis.error_reply(failure) end
return reply
