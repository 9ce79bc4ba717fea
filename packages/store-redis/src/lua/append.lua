-- Makes appends to one channel: ids, time, events, type files, idempotency keys, one notification. What a later id
-- sees, it sees whole.
--
-- KEYS[1]    hash    the channel: first (oldest id kept), last (newest id given), time (newest timestamp given)
-- KEYS[2]    list    the events as JSON texts; event n is at index n - first
-- KEYS[3]    set     the types that have a file
-- KEYS[4…]   lists   type files: the ids filed under a type, ascending; one for each type of this call
--            strings idempotency keys that were used: "<first id> <timestamp> <fingerprint>"
-- ARGV[1]    name of the notification's pub/sub channel
-- ARGV[2]    most bytes of events that a notification carries
-- ARGV[3]    most events to keep, 0 for all; a tenth more may be there before the oldest are dropped
-- ARGV[4]    how long an idempotency key is remembered, milliseconds
-- ARGV[5…]   for each append: number of its events, index of its idempotency key in KEYS (0: none), fingerprint of its
--            events (empty: none), and three for each event: index of its type file in KEYS (0: none), that type
--            (empty: none), and the event's JSON text from "from" on
-- Reply      { first id given, timestamp, first id given, timestamp, … }: two for each append. Where its idempotency
--            key was used already those that were given then, and 0, 0 where that was for other events; it stores
--            nothing
--
-- The notification is lines: "<first kept> <first given> <last given>", and, where the events are small, two for
-- each of them: the type that it is filed under (empty: none), its JSON text.
local channel, events, types = KEYS[1], KEYS[2], KEYS[3]
local most_bytes, most_events, window = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local known = redis.call('HMGET', channel, 'first', 'last', 'time')
local first, last = tonumber(known[1] or 1), tonumber(known[2] or 0)
local clock = redis.call('TIME')
local time = string.format('%d%03d', clock[1], math.floor(clock[2] / 1000))
-- Clocks step back, and a replica that is promoted brings its own. Both have 13 digits until the year 2286.
if known[3] and known[3] > time then time = known[3] end

local reply, lines, bytes, newest = {}, { '' }, 0, last

local function store(from, count)
  for i = from, from + 3 * (count - 1), 3 do
    newest = newest + 1
    local file, type = tonumber(ARGV[i]), ARGV[i + 1]
    local event = string.format('{"id":%.0f,"timestamp":%s,%s', newest, time, ARGV[i + 2])
    redis.call('RPUSH', events, event)
    if file > 0 and redis.call('RPUSH', KEYS[file], string.format('%.0f', newest)) == 1 then
      redis.call('SADD', types, type)
    end
    bytes = bytes + #event
    if bytes <= most_bytes then
      lines[#lines + 1], lines[#lines + 2] = type, event
    end
  end
end

local i = 5
while i <= #ARGV do
  local count, key, fingerprint = tonumber(ARGV[i]), KEYS[tonumber(ARGV[i + 1])], ARGV[i + 2]
  local used = key and redis.call('GET', key)
  if used then
    local id, used_time, used_for = string.match(used, '^(%d+) (%d+) (.*)$')
    if used_for ~= fingerprint then id, used_time = 0, 0 end
    reply[#reply + 1], reply[#reply + 2] = tonumber(id), tonumber(used_time)
    -- Written again as it is: WAIT is about the writes of its own connection.
    redis.call('SET', key, used, 'KEEPTTL')
  else
    reply[#reply + 1], reply[#reply + 2] = newest + 1, tonumber(time)
    if key then
      redis.call('SET', key, string.format('%.0f %s %s', newest + 1, time, fingerprint), 'PX', window)
    end
    store(i + 3, count)
  end
  i = i + 3 + 3 * count
end

local count = newest - last
if count == 0 then return reply end
local kept = newest - first + 1
if most_events > 0 and kept > most_events + math.floor(most_events / 10) then
  -- A step that stays short where retention has just been turned on for a long channel.
  local drop = math.min(kept - most_events, count + 10000)
  redis.call('LTRIM', events, drop, -1)
  first = first + drop
end
redis.call('HSET', channel, 'first', string.format('%.0f', first), 'last', string.format('%.0f', newest), 'time', time)

lines[1] = string.format('%.0f %.0f %.0f', first, last + 1, newest)
if bytes > most_bytes then lines = { lines[1] } end
redis.call('SPUBLISH', ARGV[1], table.concat(lines, '\n'))
return reply
