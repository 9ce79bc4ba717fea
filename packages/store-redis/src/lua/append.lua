-- Appends events to one channel: ids, time, events, type files, notification. What a later id sees, it sees whole.
--
-- KEYS[1]    hash  the channel: first (oldest id kept), last (newest id given), time (newest timestamp given)
-- KEYS[2]    list  the events as JSON texts; event n is at index n - first
-- KEYS[3]    set   the types that have a file
-- KEYS[4…]   lists type files: the ids filed under a type, ascending; one for each type of this call
-- ARGV[1]    name of the notification's pub/sub channel
-- ARGV[2]    most bytes of events that a notification carries
-- ARGV[3]    most events to keep, 0 for all; a tenth more may be there before the oldest are dropped
-- ARGV[4…]   three for each event: index of its type file in KEYS (0: none), that type (empty: none), and the
--            event's JSON text from "from" on
-- Reply      { first id given, timestamp }
--
-- The notification is lines: "<first kept> <first given> <last given>", and, where the events are small, two for
-- each of them: the type that it is filed under (empty: none), its JSON text.
local channel, events, types = KEYS[1], KEYS[2], KEYS[3]
local most_bytes, most_events = tonumber(ARGV[2]), tonumber(ARGV[3])
local count = (#ARGV - 3) / 3

local known = redis.call('HMGET', channel, 'first', 'last', 'time')
local first, last = tonumber(known[1] or 1), tonumber(known[2] or 0)
local clock = redis.call('TIME')
local time = string.format('%d%03d', clock[1], math.floor(clock[2] / 1000))
-- Clocks step back, and a replica that is promoted brings its own. Both have 13 digits until the year 2286.
if known[3] and known[3] > time then time = known[3] end

local lines, bytes = { '' }, 0
for i = 1, count do
  local id = last + i
  local file, type = tonumber(ARGV[3 * i + 1]), ARGV[3 * i + 2]
  local event = string.format('{"id":%.0f,"timestamp":%s,%s', id, time, ARGV[3 * i + 3])
  redis.call('RPUSH', events, event)
  if file > 0 and redis.call('RPUSH', KEYS[file], string.format('%.0f', id)) == 1 then
    redis.call('SADD', types, type)
  end
  bytes = bytes + #event
  if bytes <= most_bytes then
    lines[2 * i], lines[2 * i + 1] = type, event
  end
end

local newest = last + count
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
return { last + 1, tonumber(time) }
