-- Part of other scripts: what they know of a group, and what they change of it. Nothing is written before `write`, so that a script
-- that fails has changed nothing. The cost is that of the entries that are looked at, however many there are. Ids are texts of
-- 16 digits, which Redis and Lua sort as numbers.
--
-- KEYS[1]  hash  the channel. The name of its pub/sub channel is that and ':new'
-- KEYS[2]  hash  the group: settings (JSON), after (id of the last event that was handed out or is held back), created
--                (milliseconds), redelivered, missed (how many were)
-- KEYS[3]  hash  id of every event that is out or held back to
--                "<state> <deliveries> <next> <dead letter> <ended> <token> <bytes of clientId> <bytes of value> <clientId><value><reason>"
--                state        L: leased, D: waits for its next delivery, X: dying, H: held back behind another of its value
--                next         id of the event that waits right behind it for their value, 0 for none
--                dead letter  of one that is handed out again: the id in the channel of dead letters, 0 for none
--                ended        of one that is dying: when its turn ended, milliseconds; else 0
--                token        of its latest delivery, as long as that may be settled
--                clientId     the worker that had it last
--                reason       of one that is dying: why; empty if its lease ended
-- KEYS[4]  zset  ids of those that are out, by when something is to be done: the lease ends, it is to be delivered, somebody
--                else is to write its dead letter
-- KEYS[5]  zset  ids of those of them that were delivered, by when that was first
-- KEYS[6]  hash  value of the order to "<id that is out> <id of the last that waits for it, or itself>"
-- KEYS[7]  hash  clientId to how many leases it has
-- KEYS[8]  zset  dead letters that were written: "<id in the channel of dead letters> <value>", by the ids of their events
local CHANNEL, GROUP, ENTRIES, DUE, SINCE, QUEUES, WORKERS, DEAD = unpack(KEYS)

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function whole(number) return string.format('%.0f', number) end

-- Lua passes a limited number of values to a function.
local MOST_AT_ONCE = 1000

local function call_with(command, key, values)
  for from = 1, #values, MOST_AT_ONCE do
    redis.call(command, key, unpack(values, from, math.min(from + MOST_AT_ONCE - 1, #values)))
  end
end

-- By id; false if there is none. Those in `changed` are to be written: `due` and `since` too if they are set, and `since` is to go if
-- it is false.
local entries, changed = {}, {}
-- By value; false if nothing of it is out. Those in `changed_queues` are to be written.
local queues, changed_queues = {}, {}
-- By clientId, how many leases more.
local more_leases = {}
-- How many more are out, and held back.
local more_out, more_held = 0, 0
-- Those that became due.
local ready = {}

-- By text: what was handed out together is told by the same one.
local parsed = {}

local function parse(text)
  local state, count, next_id, dead_letter, ended, token, client_bytes, value_bytes, rest =
    string.match(text, '^(%a) (%d+) (%d+) (%d+) (%d+) ([^ ]*) (%d+) (%d+) (.*)$')
  local value_from = client_bytes + 1
  local reason_from = value_from + value_bytes
  return {
    state = state, count = tonumber(count), next = next_id, dead_letter = dead_letter, ended = ended, token = token,
    client = string.sub(rest, 1, client_bytes), value = string.sub(rest, value_from, reason_from - 1),
    reason = string.sub(rest, reason_from),
  }
end

local function remember(id, text)
  if not text then
    entries[id] = false
    return
  end
  local shared = parsed[text]
  if not shared then
    shared = parse(text)
    shared.__index = shared
    parsed[text] = shared
  end
  entries[id] = setmetatable({ id = id }, shared)
end

local function text_of(e)
  return string.format('%s %d %s %s %s %s %d %d ', e.state, e.count, e.next, e.dead_letter, e.ended, e.token, #e.client, #e.value)
    .. e.client .. e.value .. e.reason
end

local function entry(id)
  if entries[id] == nil then remember(id, redis.call('HGET', ENTRIES, id)) end
  return entries[id]
end

-- Reads many at once.
local function load_entries(ids)
  for from = 1, #ids, MOST_AT_ONCE do
    local to = math.min(from + MOST_AT_ONCE - 1, #ids)
    local texts = redis.call('HMGET', ENTRIES, unpack(ids, from, to))
    for i = from, to do
      if entries[ids[i]] == nil then remember(ids[i], texts[i - from + 1]) end
    end
  end
end

local function new_entry(id, value, dead_letter)
  local e = {
    id = id, state = 'D', count = 0, next = '0', dead_letter = dead_letter, ended = '0', token = '', client = '', value = value,
    reason = '',
  }
  entries[id], changed[id] = e, e
  return e
end

local function queue(value)
  if queues[value] == nil then
    local busy, last = string.match(redis.call('HGET', QUEUES, value) or '', '^(%d+) (%d+)$')
    queues[value] = busy and { busy = busy, last = last } or false
  end
  return queues[value]
end

-- A new entry is out, or if another of its value is it is held back behind that.
local function begin(e)
  local waiting = e.value ~= '' and queue(e.value)
  local last = waiting and entry(waiting.last)
  if e.value ~= '' then
    queues[e.value] = { busy = last and waiting.busy or e.id, last = e.id }
    changed_queues[e.value] = true
  end
  if last then
    last.next, changed[last.id] = e.id, last
    e.state = 'H'
    more_held = more_held + 1
  else
    more_out = more_out + 1
  end
end

local function end_lease(e)
  if e.state == 'L' then more_leases[e.client] = (more_leases[e.client] or 0) - 1 end
end

-- The group is done with an event. The next of its value becomes due.
local function finish(e)
  end_lease(e)
  e.is_gone, changed[e.id] = true, e
  more_out = more_out - 1
  local waiting = e.value ~= '' and queue(e.value)
  if not waiting or waiting.busy ~= e.id then return end
  changed_queues[e.value] = true
  local following = e.next ~= '0' and entry(e.next)
  if not following then
    queues[e.value] = false
    return
  end
  waiting.busy = following.id
  following.state, following.due, changed[following.id] = 'D', now, following
  more_out, more_held = more_out + 1, more_held - 1
  ready[#ready + 1] = following
end

-- Writes what has changed, and the `fields` of the group. What is removed comes first: Redis without memory refuses a script at the
-- first command that may take some, and none after another write.
local function write(fields)
  local gone, no_longer_since, texts, due, since = {}, {}, {}, {}, {}
  for id, e in pairs(changed) do
    if e.is_gone then
      gone[#gone + 1] = id
    else
      texts[#texts + 1], texts[#texts + 2] = id, text_of(e)
      if e.due then due[#due + 1], due[#due + 2] = whole(e.due), id end
      if e.since then since[#since + 1], since[#since + 2] = whole(e.since), id end
      if e.since == false then no_longer_since[#no_longer_since + 1] = id end
    end
  end
  local free, busy = {}, {}
  for value in pairs(changed_queues) do
    local waiting = queues[value]
    if waiting then
      busy[#busy + 1], busy[#busy + 2] = value, waiting.busy .. ' ' .. waiting.last
    else
      free[#free + 1] = value
    end
  end
  call_with('HDEL', ENTRIES, gone)
  call_with('ZREM', DUE, gone)
  call_with('ZREM', SINCE, gone)
  call_with('ZREM', SINCE, no_longer_since)
  call_with('HDEL', QUEUES, free)
  call_with('HSET', ENTRIES, texts)
  call_with('ZADD', DUE, due)
  call_with('ZADD', SINCE, since)
  call_with('HSET', QUEUES, busy)
  for client, more in pairs(more_leases) do
    if more ~= 0 and redis.call('HINCRBY', WORKERS, client, more) <= 0 then redis.call('HDEL', WORKERS, client) end
  end
  call_with('HSET', GROUP, fields)
end

-- Those that wait look again.
local function tell_released() redis.call('SPUBLISH', CHANNEL .. ':new', 'released') end
