-- Settles events of a group, then hands out those that are due and new ones. See GroupStorage of the store.
--
-- KEYS      see group-book.lua
-- ARGV[1]   JSON: settle       of the settlements kinds, ids, tokens; and if a kind has them ms (-1: not told), reasons, uncounted
--                 found        from, to, first (the oldest id that the channel kept), epoch, order, ids (ascending), values (of each;
--                              left out if all are empty); left out if none were looked for
--                 counts_dropped  whether ids below `first` are those of events of the group that were dropped
--                 takes        a list of { clientId, limit, milliseconds (-1: not told), token }
--                 most_held    see group-book.lua
--                 most_ended   most leases that end
--                 most_dying   most events that are told as dying
--                 burial_ms    how long somebody has to write their dead letters
--                 lease_ended  the reason of an event whose last lease ended
--                 most_kept    how many of its deliveries an event keeps
--                 most_reason  longest reason of one of them, bytes
-- Reply     { 'no-group' }, or { 'worked', settings, after, milliseconds until something is due (-1: nothing is), 1 if the group is full
--           else 0, 1 if what was found could be looked at else 0, of each settlement 1 if it held else 0,
--           of each take { milliseconds, id, deliveries, dead letter, id, … },
--           of each that is dying { id, dead letter, deliveries, reason, first delivered at, ended at, clientId, history } }
--
-- include group-book
if not settings then return { 'no-group' } end
local after, redelivered, missed = unpack(redis.call('HMGET', GROUP, 'after', 'redelivered', 'missed'))
local after_before, more_redelivered, more_missed = after, 0, 0

local function backoff(count) return settings.backoffMs[math.min(count, #settings.backoffMs)] end

local function die(e, ended, reason)
  e.ended, e.reason, e.token = whole(ended), reason, ''
  move(e, 'X', now)
end

-- No character of it is cut in two.
local function cut(reason)
  if #reason <= args.most_reason then return reason end
  local last = args.most_reason
  while string.find(reason, '^[\128-\191]', last + 1) do last = last - 1 end
  return string.sub(reason, 1, last)
end

-- The latest delivery of an event has ended. `reason`: what its worker said.
local function end_delivery(e, at, outcome, reason)
  local history = e.history
  -- A worker that is late says it of the delivery whose lease has ended.
  if e.state == 'W' then history = string.match(history, '^(.*)\n') or '' end
  local _, breaks = string.gsub(history, '\n', '')
  if breaks + 1 >= args.most_kept then history = string.sub(history, string.find(history, '\n') + 1) end
  local line = '[' .. e.ended .. ',' .. whole(at) .. ',' .. cjson.encode(e.client) .. ',"' .. outcome .. '",' .. cjson.encode(cut(reason)) .. ']'
  e.history = history == '' and line or history .. '\n' .. line
end

local function release(e, ms, reason, uncounted)
  if uncounted then
    e.count = e.count - 1
    return make_due(e, now)
  end
  end_delivery(e, now, 'released', reason)
  if e.count >= settings.maxDeliveries then
    die(e, now, reason)
  else
    make_due(e, now + (ms < 0 and backoff(e.count) or ms))
  end
end

-- Also one that was leased by this script, or extended.
local function is_leased(e) return e.state == 'L' and (e.time or tonumber(redis.call('ZSCORE', DUE, e.id) or 0)) > now end

local settle, settled = args.settle, {}
load_entries(settle.ids)
local values = {}
for i, id in ipairs(settle.ids) do values[i] = entries[id] and entries[id].value or '' end
load_queues(values)
for i, id in ipairs(settle.ids) do
  local e, kind = entries[id], settle.kinds[i]
  local holds = e and e.state and e.token ~= '' and e.token == settle.tokens[i]
  if holds and (kind == 'extend' or kind == 'release') then holds = is_leased(e) end
  settled[i] = holds and 1 or 0
  if not holds then
    -- It is another's by now, or nobody's.
  elseif kind == 'reject' then
    end_delivery(e, now, 'rejected', settle.reasons[i])
    die(e, now, settle.reasons[i])
  elseif kind == 'release' then
    release(e, settle.ms[i], settle.reasons[i], settle.uncounted[i])
  elseif kind == 'extend' then
    local time = now + (settle.ms[i] < 0 and settings.leaseMs or settle.ms[i])
    move(e, 'L', time)
    new_times[time] = true
  else
    finish(e)
    if kind == 'missed' then more_missed = more_missed + 1 end
  end
end
write()

local taken, t, room = {}, 0, 0
for i, take in ipairs(args.takes) do
  taken[i] = { take[3] < 0 and settings.leaseMs or take[3] }
  room = room + take[2]
end
-- How many more the take `t` gets.
local wanted = 0

-- There is room. `is_told`: those that wait may not have seen that there is something to hand out.
local function hand_out(e, is_told)
  while wanted == 0 do
    t = t + 1
    wanted = args.takes[t][2]
  end
  wanted, room = wanted - 1, room - 1
  local take, given = args.takes[t], taken[t]
  if e.count == 0 then e.since = true else more_redelivered = more_redelivered + 1 end
  move(e, 'L', now + given[1])
  if is_told then new_times[now + given[1]] = true end
  e.count, e.token, e.client, e.ended = e.count + 1, take[4], take[1], whole(now)
  more_leases[e.client] = (more_leases[e.client] or 0) + 1
  local n = #given
  given[n + 1], given[n + 2], given[n + 3] = e.id, e.count, e.dead_letter
end

local ended = 0
while room > 0 and ended < args.most_ended do
  local page = redis.call('ZRANGE', DUE, '-inf', now, 'BYSCORE', 'LIMIT', 0, math.max(room, 100), 'WITHSCORES')
  if #page == 0 then break end
  local ids = {}
  for i = 1, #page, 2 do ids[#ids + 1] = page[i] end
  load_entries(ids)
  for i, id in ipairs(ids) do
    local e, time = entries[id], tonumber(page[2 * i])
    if not e then
      -- Somebody else has taken entries away.
      redis.call('ZREM', DUE, id)
      out = out - 1
    elseif e.state == 'L' then
      ended = ended + 1
      end_delivery(e, time, 'lease-ended', '')
      if e.count >= settings.maxDeliveries then
        die(e, time, args.lease_ended)
      else
        move(e, 'W', time + backoff(e.count))
      end
    elseif room > 0 then
      hand_out(e, true)
    end
  end
  write()
end

local function pass(id)
  if args.counts_dropped then more_missed = more_missed + math.max(math.min(args.found.first - 1, tonumber(id)) - after, 0) end
  after = id
end

-- Whether the group is past all of them.
local function hand_out_found(found)
  for i, id in ipairs(found.ids) do
    if found.values and i % 100 == 1 then load_queues({ unpack(found.values, i, math.min(i + 99, #found.values)) }) end
    if id > after then
      if room == 0 or is_full() then return false end
      local value = settings.order == '*' and '*' or found.values and found.values[i] or ''
      local is_busy = value ~= '' and queue(value)
      if is_busy and settings.order == '*' then return false end
      pass(id)
      local e = new_entry(id, value, '0')
      if is_busy then
        hold_back(e)
      else
        begin(e)
        hand_out(e, was_full or is_freed)
      end
    end
  end
  return true
end

local found = args.found
local is_current = found and found.from <= after and found.order == settings.order
  and found.epoch == (redis.call('HGET', CHANNEL, 'epoch') or '')
if is_current and hand_out_found(found) and found.to > after then pass(found.to) end

if after ~= after_before then set('after', after) end
if more_redelivered > 0 then set('redelivered', whole(redelivered + more_redelivered)) end
if more_missed > 0 then set('missed', whole(missed + more_missed)) end
write()

local dying_ids = redis.call('ZRANGE', DYING, '-inf', now, 'BYSCORE', 'LIMIT', 0, args.most_dying)
local dying = {}
load_entries(dying_ids)
for _, id in ipairs(dying_ids) do
  local e = entries[id]
  if e then
    local since = redis.call('ZSCORE', SINCE, id) or e.ended
    dying[#dying + 1] = { id, e.dead_letter, e.count, e.reason, since, e.ended, e.client, e.history }
    move(e, 'X', now + args.burial_ms)
  else
    redis.call('ZREM', DYING, id)
  end
end
write()

tell_if_released()
local due = math.min(first_time(DUE), first_time(DYING))
return {
  'worked', settings_text, after, due < math.huge and math.max(due - now, 0) or -1, is_full() and 1 or 0, is_current and 1 or 0, settled,
  taken, dying,
}
