-- Makes appends to one channel or to several: ids, time, events, type lists, idempotency records, one notification for
-- each channel. What a later id sees, it sees whole.
--
-- KEYS      for each channel, one after the other:
--             hash     the channel: first (oldest id kept), last (newest id given), time (newest timestamp given), behind
--                      (since when the clock has been behind that; missing if it is not), epoch (the current one),
--                      epochs (those before, separated by spaces; see epochs.ts of the store), deleted (see delete-channel.lua)
--             list     the events as JSON texts; event n is at index n - first
--             set      the types that have a list
--             lists    the ids filed under a type, ascending; one for each of `types`
--             strings  idempotency records: "<first id> <timestamp> <fingerprint>"; one for each of `records`
--             The name of its pub/sub channel is that of the hash and ':new'.
-- ARGV[1]   JSON: a list of channels, of each:
--             maxEvents  most events to keep, if not all; a tenth more may be there before the oldest are dropped
--             types      those that its events are filed under
--             parts      an append that has an idempotency key or a condition, or all that come between two of those:
--                        { how many events in a row are filed alike, which of `types` (0: none), … }
--             records    if any has a key; for each part { fingerprint of its events, milliseconds to keep it }, or false
--                        if it has none
--             conditions  if any has one; for each part { the newest id that there is to be, of which of `types` (0: of the
--                        channel) }, or false if it has none
-- ARGV[2…]  of every event its JSON text from "from" on, in the order of channels and parts
-- Reply     for each channel { 'appended', first id given, timestamp, outcomes }, or { 'revived', … } if it was deleted before:
--           it is to be put on the list of channels again; new events follow on each other. One
--           outcome for each part with a record or a condition: 'appended', or, if the key was used already, { 'repeated', first
--           id given then, timestamp of then }, or { 'key-reused' } if that was for other events, or else, if the condition
--           does not hold, { 'unexpected-last-id', newest id }: these three store nothing.
--           { 'failed', error } if the channel fails and another does not: it is as it was. If all fail the call does.
--
-- The notification is lines: "<first kept> <first given> <last given> <epoch>", and, if the events are small, two for each of
-- them: the type that it is filed under (empty: none), its JSON text.
local channels = cjson.decode(ARGV[1])

-- Larger notifications tell the ids only, and every server reads the events once: more than a live tail holds.
local MAX_NOTIFICATION_BYTES = 256 * 1024

local clock = redis.call('TIME')
local now = string.format('%d%03d', clock[1], math.floor(clock[2] / 1000))

-- Changes whenever Redis may have come back older: when it is started, and when a replica is promoted. INFO takes 5 to 10 us
-- a call; what servers know from connecting would miss a master that was made a replica and a master again.
local term = string.sub(string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or '0', 1, 10)

-- Beside the current one.
local MOST_EARLIER_EPOCHS = 99

-- An epoch that begins behind `last`, and those before it; as `Epochs#begin` of the store does it.
local function begin_epoch(channel, current, first, last)
  local parent, parent_started_at, all = '0-0', 0, {}
  if current then
    local started_at, parent_term = string.match(current, '^%d+%-(%d+)%-(%w+)')
    parent, parent_started_at = started_at .. '-' .. parent_term, tonumber(started_at)
    for epoch in string.gmatch((redis.call('HGET', channel, 'epochs') or '') .. ' ' .. current, '%S+') do
      all[#all + 1] = epoch
    end
  end
  local function start_of(i) return all[i] and tonumber(string.match(all[i], '^%d+')) end
  -- A cursor in what is dropped begins at the first event, whatever it has seen.
  while start_of(2) and start_of(2) <= first do table.remove(all, 1) end
  -- Forgets the one with the fewest events, but not the first.
  while #all > MOST_EARLIER_EPOCHS do
    local found, least = 2, math.huge
    for i = 2, #all - 1 do
      local length = start_of(i + 1) - start_of(i)
      if length < least then found, least = i, length end
    end
    if not string.find(all[found - 1], '/', 1, true) then
      all[found - 1] = string.format('%s/%.0f', all[found - 1], start_of(found) - 1)
    end
    table.remove(all, found)
  end
  local started_at = math.max(tonumber(now), parent_started_at + 1)
  return string.format('%.0f-%.0f-%s-%s', last + 1, started_at, term, parent), table.concat(all, ' ')
end

-- How long a clock that was set back is not followed, milliseconds.
local SETTLED_MS = 600000

-- The timestamp of new events behind one that has `newest`, and since when the clock has been behind: nil if it is not.
-- Clocks step back, and a replica that is promoted brings its own. All have 13 digits until the year 2286.
local function timestamp(newest, behind)
  if not newest or newest <= now then return now end
  if not behind or behind > now then behind = now end
  if tonumber(now) - tonumber(behind) >= SETTLED_MS then return now end
  return newest, behind
end

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

-- include in-row

-- Its first key and its first text are `k` and `n`. The number of values that were pushed onto a list goes to `pushed`.
local function append_to_channel(spec, k, n, pushed)
  local channel, events, types = KEYS[k], KEYS[k + 1], KEYS[k + 2]
  local type_lists = k + 2
  local next_record = type_lists + #spec.types + 1
  local known = redis.call('HMGET', channel, 'first', 'last', 'time', 'behind', 'epoch', 'deleted')
  local first, last = tonumber(known[1] or 1), tonumber(known[2] or 0)
  local time, behind = timestamp(known[3], known[4])

  local newest, bytes, texts, lines, filed, records, outcomes = last, 0, {}, { '' }, {}, {}, nil
  -- Of one of the types: of those that are kept.
  local function newest_of(t)
    if t == 0 then return newest end
    local ids = filed[t]
    local id = tonumber(ids and ids[#ids] or redis.call('LINDEX', KEYS[type_lists + t], -1) or 0)
    return id < first and 0 or id
  end

  for p, rows in ipairs(spec.parts) do
    local record, condition = spec.records and spec.records[p], spec.conditions and spec.conditions[p]
    local key, outcome = nil, 'appended'
    if record then
      local fingerprint = record[1]
      key = KEYS[next_record]
      next_record = next_record + 1
      local used = records[key] and records[key].value or redis.call('GET', key)
      if used then
        local id, used_time, used_for = string.match(used, '^(%d+) (%d+) (.*)$')
        outcome = used_for == fingerprint and { 'repeated', tonumber(id), tonumber(used_time) } or { 'key-reused' }
        -- Written again as it is: WAIT is about the writes of its own connection. One that lasts longer than any was given while
        -- the clock was ahead.
        if not records[key] then
          local keep = { 'KEEPTTL' }
          if redis.call('PTTL', key) > record[2] then keep = { 'PX', string.format('%.0f', record[2]) } end
          redis.call('SET', key, used, unpack(keep))
        end
      end
    end
    if condition and outcome == 'appended' then
      local found = newest_of(condition[2])
      if found ~= condition[1] then outcome = { 'unexpected-last-id', found } end
    end
    local is_stored = outcome == 'appended'
    if record and is_stored then
      local value = string.format('%.0f %s %s', newest + 1, time, record[1])
      records[key] = { value = value, keep = string.format('%.0f', record[2]) }
    end
    if record or condition then
      outcomes = outcomes or {}
      outcomes[#outcomes + 1] = outcome
    end
    for r = 1, #rows, 2 do
      local count, t = rows[r], rows[r + 1]
      if is_stored then
        local type, ids = spec.types[t] or '', filed[t]
        if not ids then
          ids = {}
          filed[t] = ids
        end
        for i = n, n + count - 1 do
          newest = newest + 1
          local id = string.format('%.0f', newest)
          local event = '{"id":' .. id .. ',"timestamp":' .. time .. ',' .. ARGV[i]
          texts[#texts + 1] = event
          ids[#ids + 1] = id
          bytes = bytes + #event
          if bytes <= MAX_NOTIFICATION_BYTES then
            lines[#lines + 1], lines[#lines + 2] = type, event
          end
        end
      end
      n = n + count
    end
  end

  local reply = { 'appended', last + 1, tonumber(time), outcomes }
  local count = newest - last
  if count == 0 then return reply end
  local before = push(events, texts, pushed) - count
  if before ~= last - first + 1 then
    -- Somebody else has deleted, evicted or cut the list: what is left counts.
    local left = in_row(events, before, last)
    redis.call('LTRIM', events, before - left, -1)
    first = last - left + 1
  end
  filed[0] = nil
  for t, ids in pairs(filed) do
    if push(KEYS[type_lists + t], ids, pushed) == #ids then redis.call('SADD', types, spec.types[t]) end
  end
  local kept, most = newest - first + 1, spec.maxEvents
  if most and kept > most + math.floor(most / 10) then
    -- A step that stays short if retention has just been turned on for a long channel.
    local drop = math.min(kept - most, count + 10000)
    redis.call('LTRIM', events, drop, -1)
    first = first + drop
  end
  local epoch = known[5]
  if not epoch or string.match(epoch, '^%d+%-%d+%-(%w+)') ~= term then
    local earlier
    epoch, earlier = begin_epoch(channel, epoch, tonumber(known[1] or 1), last)
    redis.call('HSET', channel, 'epoch', epoch)
    if earlier ~= '' then redis.call('HSET', channel, 'epochs', earlier) end
  end
  redis.call('HSET', channel, 'first', string.format('%.0f', first), 'last', string.format('%.0f', newest), 'time', time)
  if behind then
    redis.call('HSET', channel, 'behind', behind)
  elseif known[4] then
    redis.call('HDEL', channel, 'behind')
  end
  for key, new in pairs(records) do redis.call('SET', key, new.value, 'PX', new.keep) end
  if known[6] then
    redis.call('HDEL', channel, 'deleted')
    reply[1] = 'revived'
  end

  lines[1] = string.format('%.0f %.0f %.0f %s', first, last + 1, newest, epoch)
  if bytes > MAX_NOTIFICATION_BYTES then lines = { lines[1] } end
  redis.call('SPUBLISH', channel .. ':new', table.concat(lines, '\n'))
  return reply
end

-- How many keys and texts are those of a channel.
local function sizes(spec)
  local keys, texts = 3 + #spec.types, 0
  for _, record in ipairs(spec.records or {}) do
    if record then keys = keys + 1 end
  end
  for _, rows in ipairs(spec.parts) do
    for r = 1, #rows, 2 do texts = texts + rows[r] end
  end
  return keys, texts
end

local reply, failure, succeeded = {}, nil, false
local k, n = 1, 2
for _, spec in ipairs(channels) do
  local pushed = {}
  local ok, outcome = pcall(append_to_channel, spec, k, n, pushed)
  if ok then
    succeeded = true
    reply[#reply + 1] = outcome
  else
    for key, count in pairs(pushed) do redis.call('LTRIM', key, 0, -count - 1) end
    failure = type(outcome) == 'table' and outcome.err or tostring(outcome)
    reply[#reply + 1] = { 'failed', failure }
  end
  local keys, texts = sizes(spec)
  k, n = k + keys, n + texts
end
if failure and not succeeded then return redis.error_reply(failure) end
return reply
