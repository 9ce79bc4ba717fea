-- Part of other scripts: what they know of a group, and what they change of it. What is changed is written by `write`, all of it or,
-- if Redis refuses, nothing. The cost is that of the entries that are looked at, however many there are. Ids are texts of 16 digits,
-- which Redis and Lua sort as numbers.
--
-- KEYS[1]  hash  the channel. The name of its pub/sub channel is that and ':new'
-- KEYS[2]  hash  the group: settings (JSON), after (it has looked at every event up to this id), created (milliseconds),
--                redelivered, missed, forgotten (how many were; that died without a dead letter)
--                and the id of every event that it is not done with, or that is a dead letter, to
--                "<state> <deliveries> <next> <dead letter> <ended> <lengths> <token><clientId><value><reason>"
--                state        L: leased, W: waits for its next delivery, X: dying, H: held back behind another of its value,
--                             D: dead, its dead letter is written
--                next         of one that is held back: the id of the next one that waits for its value, 0 for none
--                dead letter  of one that is one, or was handed out again: its id in the channel of dead letters, else 0
--                ended        when its turn ended, milliseconds; before that when it was handed out last, 0 if that is not known
--                lengths      of token, clientId and value, in bytes, with a space between them
--                token        of its latest delivery, as long as that may be settled
--                clientId     the worker that had it last; empty once its dead letter is written
--                reason       why its turn ended, until its dead letter is written
--                history      how its last deliveries ended, until its dead letter is written: of each, the latest last, a line of JSON
--                             [handed out at (0: not known), ended at, clientId, outcome, reason].
--                             It stands where the token does of one that is dying, and of others where the reason does, which they
--                             do not have; there a server of a version that knows of no history lets it be
-- KEYS[3]  zset  ids of those that are leased or wait, by when the lease ends or it is to be delivered
-- KEYS[4]  zset  ids of those that are dying, by when somebody else may write its dead letter
-- KEYS[5]  zset  ids of those that are dead, by when their turn ended
-- KEYS[6]  zset  ids of those that are leased, wait or are dying and were delivered, by when that was first
-- KEYS[7]  hash  value of the order of which an event is out to "<first id> <last id>" of those that are held back by it, 0 if none
--                are
-- KEYS[8]  hash  clientId to how many leases it has
-- ARGV[1]  JSON: most_held  most events that are held back
--                and what the script says
local CHANNEL, GROUP, DUE, DYING, DEAD, SINCE, QUEUES, WORKERS = unpack(KEYS)

-- Where an event is by its state, beside GROUP.
local ORDERS = { L = DUE, W = DUE, X = DYING, D = DEAD }

local args = cjson.decode(ARGV[1])
-- Nil if there is no such group.
local settings_text = redis.call('HGET', GROUP, 'settings')
local settings = settings_text and cjson.decode(settings_text)

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Beside the events.
local FIELDS_OF_GROUP = 6

-- By number: most are the same.
local wholes = {}

local function whole(number)
  local text = wholes[number] or string.format('%.0f', number)
  wholes[number] = text
  return text
end

-- Lua passes a limited number of values to a function.
local MOST_AT_ONCE = 1000

-- `first` is an argument that comes before the values, each time.
local function call_with(values, command, key, first)
  for from = 1, #values, MOST_AT_ONCE do
    local to = math.min(from + MOST_AT_ONCE - 1, #values)
    if first then
      redis.call(command, key, first, unpack(values, from, to))
    else
      redis.call(command, key, unpack(values, from, to))
    end
  end
end

-- By id; false if there is none. Those in `changed`, of which `is_changed` knows, are to be written: `time` is where they are in the order
-- of their state, if that is new, and `left` the order in which they no longer are.
local entries, changed, is_changed = {}, {}, {}
-- By value; false if nothing of it is out. Those in `changed_queues` are to be written.
local queues, changed_queues = {}, {}
-- By clientId, how many leases more.
local more_leases = {}
-- Fields of the group that are to be written.
local fields = {}

local function first_time(order)
  return tonumber(redis.call('ZRANGE', order, 0, 0, 'WITHSCORES')[2] or math.huge)
end

local out = redis.call('ZCARD', DUE) + redis.call('ZCARD', DYING)
local held = redis.call('HLEN', GROUP) - FIELDS_OF_GROUP - out - redis.call('ZCARD', DEAD)

local function is_full() return settings and (out >= settings.maxPending or held >= args.most_held) end

local was_full, first_due_before = is_full(), first_time(DUE)
-- When events are due of which those that wait are to be told; by the time.
local new_times = {}
-- Whether what all have in common, if the order is '*', was freed.
local is_freed = false

-- By text: what was handed out together has the same one.
local parsed = {}

local function parse(text)
  local state, count, next_id, dead_letter, ended, token_length, client_length, value_length, rest =
    string.match(text, '^(%a) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
  local client_from = token_length + 1
  local value_from = client_from + client_length
  local reason_from = value_from + value_length
  local token, reason = string.sub(rest, 1, token_length), string.sub(rest, reason_from)
  local is_over = state == 'X' or state == 'D'
  return {
    state = state, count = tonumber(count), next = next_id, dead_letter = dead_letter, ended = ended,
    token = is_over and '' or token, client = string.sub(rest, client_from, value_from - 1),
    value = string.sub(rest, value_from, reason_from - 1), reason = is_over and reason or '', history = is_over and token or reason,
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

local told, text = {}, ''

-- Those that are handed out together are told by the same text.
local function text_of(e)
  if e.token == told.token and e.count == told.count and e.state == told.state and e.client == told.client and e.value == told.value
    and e.next == told.next and e.dead_letter == told.dead_letter and e.ended == told.ended and e.reason == told.reason
    and e.history == told.history then
    return text
  end
  told = e
  local token, reason = e.token, e.history
  if e.state == 'X' then token, reason = e.history, e.reason end
  text = string.format('%s %d %s %s %s %d %d %d ', e.state, e.count, e.next, e.dead_letter, e.ended, #token, #e.client, #e.value)
    .. token .. e.client .. e.value .. reason
  return text
end

local function entry(id)
  if entries[id] == nil then remember(id, redis.call('HGET', GROUP, id)) end
  return entries[id]
end

-- Reads many at once.
local function load_entries(ids)
  for from = 1, #ids, MOST_AT_ONCE do
    local to = math.min(from + MOST_AT_ONCE - 1, #ids)
    local texts = redis.call('HMGET', GROUP, unpack(ids, from, to))
    for i = from, to do
      if entries[ids[i]] == nil then remember(ids[i], texts[i - from + 1]) end
    end
  end
end

local function change(e)
  if not is_changed[e.id] then
    is_changed[e.id] = true
    changed[#changed + 1] = e
  end
end

local function new_entry(id, value, dead_letter)
  local e = {
    id = id, state = 'H', count = 0, next = '0', dead_letter = dead_letter, ended = '0', token = '', client = '', value = value,
    reason = '', history = '',
  }
  entries[id] = e
  change(e)
  return e
end

local function remember_queue(value, text)
  local first, last = string.match(text or '', '^(%d+) (%d+)$')
  queues[value] = first and { first = first, last = last } or false
end

local function queue(value)
  if queues[value] == nil then remember_queue(value, redis.call('HGET', QUEUES, value)) end
  return queues[value]
end

-- Reads many at once, those of no value too.
local function load_queues(values)
  local unknown = {}
  for _, value in ipairs(values) do
    if value ~= '' and queues[value] == nil then
      queues[value] = false
      unknown[#unknown + 1] = value
    end
  end
  for from = 1, #unknown, MOST_AT_ONCE do
    local to = math.min(from + MOST_AT_ONCE - 1, #unknown)
    local texts = redis.call('HMGET', QUEUES, unpack(unknown, from, to))
    for i = from, to do remember_queue(unknown[i], texts[i - from + 1]) end
  end
end

local function change_queue(value, first, last)
  queues[value], changed_queues[value] = first and { first = first, last = last }, true
end

-- An event has another state, or another place in the order of its state.
local function move(e, state, time)
  if e.state == 'L' and state ~= 'L' then more_leases[e.client] = (more_leases[e.client] or 0) - 1 end
  if ORDERS[e.state] ~= ORDERS[state] then e.left = e.left or ORDERS[e.state] end
  e.state, e.time = state, time
  change(e)
end

local function make_due(e, time)
  e.token = ''
  move(e, 'W', time)
  new_times[time] = true
end

-- A new entry is out. Its value, if it has one, is free.
local function begin(e)
  if e.value ~= '' then change_queue(e.value, '0', '0') end
  out = out + 1
end

-- A new entry is held back behind the others of its value.
local function hold_back(e)
  local waiting = queue(e.value)
  local last = waiting.last ~= '0' and entry(waiting.last)
  if last then
    last.next = e.id
    change(last)
  end
  change_queue(e.value, last and waiting.first or e.id, e.id)
  held = held + 1
end

-- Likewise, before the others of its value.
local function hold_back_first(e)
  local waiting = queue(e.value)
  e.next = waiting.first
  change_queue(e.value, e.id, waiting.last == '0' and e.id or waiting.last)
  held = held + 1
end

-- The group is done with an event that was out: the next of its value is due.
local function finish(e)
  move(e, false)
  out = out - 1
  local waiting = e.value ~= '' and queue(e.value)
  if not waiting then return end
  local following = waiting.first ~= '0' and entry(waiting.first)
  if not following then
    is_freed = is_freed or e.value == '*'
    return change_queue(e.value, false)
  end
  change_queue(e.value, following.next, following.next == '0' and '0' or waiting.last)
  following.next = '0'
  held, out = held - 1, out + 1
  make_due(following, now)
end

-- Writes what has changed. What is removed comes first: Redis without memory refuses a script at its first command that may take
-- some, but not after another write. Small sorted sets are lists: the first are removed fast, and before the first others are put fast.
local function write()
  told = {}
  local gone, texts, no_longer_since, since = {}, {}, {}, {}
  local left, entered = { [DUE] = {}, [DYING] = {}, [DEAD] = {} }, { [DUE] = {}, [DYING] = {}, [DEAD] = {} }
  for _, e in ipairs(changed) do
    if e.left then table.insert(left[e.left], e.id) end
    if not e.state then
      gone[#gone + 1] = e.id
      entries[e.id] = false
    end
    if not e.state or e.state == 'D' then no_longer_since[#no_longer_since + 1] = e.id end
  end
  for i = #changed, 1, -1 do
    local e = changed[i]
    if e.state then
      texts[#texts + 1], texts[#texts + 2] = e.id, text_of(e)
      if e.time then
        local place = entered[ORDERS[e.state]]
        place[#place + 1], place[#place + 2] = whole(e.time), e.id
      end
      if e.since then since[#since + 1], since[#since + 2] = whole(now), e.id end
      e.left, e.time, e.since = nil, nil, nil
    end
  end
  local free, busy = {}, {}
  for value in pairs(changed_queues) do
    local waiting = queues[value]
    if waiting then
      busy[#busy + 1], busy[#busy + 2] = value, waiting.first .. ' ' .. waiting.last
    else
      free[#free + 1] = value
    end
  end
  call_with(gone, 'HDEL', GROUP)
  for order, ids in pairs(left) do call_with(ids, 'ZREM', order) end
  call_with(no_longer_since, 'ZREM', SINCE)
  call_with(free, 'HDEL', QUEUES)
  call_with(texts, 'HSET', GROUP)
  for order, scored in pairs(entered) do call_with(scored, 'ZADD', order) end
  call_with(since, 'ZADD', SINCE, 'NX')
  call_with(busy, 'HSET', QUEUES)
  for client, more in pairs(more_leases) do
    if more ~= 0 and redis.call('HINCRBY', WORKERS, client, more) <= 0 then redis.call('HDEL', WORKERS, client) end
  end
  call_with(fields, 'HSET', GROUP)
  changed, is_changed, changed_queues, more_leases, fields = {}, {}, {}, {}, {}
end

local function set(field, value) fields[#fields + 1], fields[#fields + 2] = field, value end

-- Those that wait look again if they may find something that they do not wait for.
local function tell_if_released()
  local first_due = first_time(DUE)
  local is_due_earlier = first_due < first_due_before and new_times[first_due]
  if is_due_earlier or (was_full and not is_full()) or (is_freed and not queue('*')) then
    -- What stands for the group in its keys.
    local name = string.sub(GROUP, #CHANNEL + #':group:' + 1)
    redis.call('SPUBLISH', CHANNEL .. ':new', 'released ' .. name)
  end
end
