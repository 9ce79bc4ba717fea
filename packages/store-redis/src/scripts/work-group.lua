-- Settles events of a group, then hands out those that are due and new ones. See GroupStorage of the store.
--
-- KEYS      see group-book.lua
-- ARGV[1]   JSON: settle       of the settlements kinds, ids, tokens; and if a kind has them ms (-1: not told), reasons (empty: none
--                              was told), uncounted
--                 found        from, to, epoch, ids (ascending), values (of each; left out if all are empty); left out if none were
--                              looked for
--                 counts_gaps  whether an id that is not among those found is that of an event that was dropped
--                 takes        a list of { clientId, limit, milliseconds (-1: not told), token }
--                 burial_ms    how long somebody has to write dead letters
--                 most_held    most events that are held back
-- Reply     { 'no-group' }, or { 'worked', settings, after, milliseconds until something is due (-1: nothing is), 1 if the group is full
--           else 0, of each settlement 1 if it held else 0, of each take { milliseconds, id, deliveries, dead letter, id, … },
--           of each that is dying { id, deliveries, reason, first delivered at, ended at, clientId } }
--
-- include group-book
local args = cjson.decode(ARGV[1])
local settings_text, after, redelivered, missed = unpack(redis.call('HMGET', GROUP, 'settings', 'after', 'redelivered', 'missed'))
if not settings_text then return { 'no-group' } end
local settings = cjson.decode(settings_text)
local known_after, more_redelivered, more_missed = after, 0, 0
local out_before = redis.call('ZCARD', DUE)
local held_before = redis.call('HLEN', ENTRIES) - out_before

local function is_full(out, held) return out >= settings.maxPending or held >= args.most_held end
local function is_full_now() return is_full(out_before + more_out, held_before + more_held) end

-- Most events that are due of which one call ends the leases: the next one goes on.
local MOST_DUE = 1000

local function backoff(count) return settings.backoffMs[math.min(count, #settings.backoffMs)] end

-- Whether somebody may wait for something later than what there is now.
local is_earlier = false

local function delay(e, due)
  e.state, e.due, changed[e.id] = 'D', due, e
  if due <= now then ready[#ready + 1] = e end
end

local dying = {}

local function tell_dying(e)
  e.due, changed[e.id] = now + args.burial_ms, e
  dying[#dying + 1] = { e.id, e.count, e.reason, redis.call('ZSCORE', SINCE, e.id) or whole(now), e.ended, e.client }
end

local function die(e, ended, reason)
  end_lease(e)
  e.state, e.ended, e.reason, e.token = 'X', whole(ended), reason, ''
  tell_dying(e)
end

local function lease_end(e) return e.due or tonumber(redis.call('ZSCORE', DUE, e.id)) end

local function extend(e, due)
  is_earlier = is_earlier or due < lease_end(e)
  e.due, changed[e.id] = due, e
end

local function release(e, ms, reason, uncounted)
  if not uncounted and e.count >= settings.maxDeliveries then return die(e, now, reason) end
  local due = now
  if uncounted then
    e.count = e.count - 1
    if e.count == 0 then e.since = false end
  else
    due = now + (ms < 0 and backoff(e.count) or ms)
    is_earlier = is_earlier or due < lease_end(e)
  end
  end_lease(e)
  e.token = ''
  delay(e, due)
end

local to_settle, settled = args.settle, {}
load_entries(to_settle.ids)
for i, id in ipairs(to_settle.ids) do
  local e, kind = entries[id], to_settle.kinds[i]
  local holds = e and not e.is_gone and e.token ~= '' and e.token == to_settle.tokens[i]
  if holds and (kind == 'extend' or kind == 'release') then holds = e.state == 'L' and lease_end(e) > now end
  settled[i] = holds and 1 or 0
  if holds then
    local ms, reason = to_settle.ms and to_settle.ms[i], to_settle.reasons and to_settle.reasons[i]
    if kind == 'reject' then
      die(e, now, reason)
    elseif kind == 'extend' then
      extend(e, now + (ms < 0 and settings.leaseMs or ms))
    elseif kind == 'release' then
      release(e, ms, reason, to_settle.uncounted[i])
    else
      finish(e)
      if kind == 'missed' then more_missed = more_missed + 1 end
    end
  end
end

local taken, t, room = {}, 0, 0
for i, take in ipairs(args.takes) do taken[i] = { take[3] < 0 and settings.leaseMs or take[3] } end

local function has_room()
  while room == 0 and t < #args.takes do
    t = t + 1
    room = args.takes[t][2]
  end
  return room > 0
end

-- To who has room.
local function hand_out(e)
  local take, given = args.takes[t], taken[t]
  if e.count == 0 then e.since = now else more_redelivered = more_redelivered + 1 end
  e.state, e.count, e.token, e.client, e.due, changed[e.id] = 'L', e.count + 1, take[4], take[1], now + given[1], e
  more_leases[e.client] = (more_leases[e.client] or 0) + 1
  local n = #given
  given[n + 1], given[n + 2], given[n + 3] = e.id, e.count, e.dead_letter
  room = room - 1
end

-- Those that were due before.
local function hand_out_due()
  local looked_at = 0
  while has_room() and looked_at < MOST_DUE do
    local page = redis.call('ZRANGE', DUE, '-inf', now, 'BYSCORE', 'LIMIT', looked_at, 100, 'WITHSCORES')
    if #page == 0 then return end
    local ids = {}
    for i = 1, #page, 2 do ids[#ids + 1] = page[i] end
    load_entries(ids)
    for i, id in ipairs(ids) do
      local e, due = entries[id], tonumber(page[2 * i])
      if not e then
        -- Somebody else has taken entries away.
        changed[id] = { is_gone = true }
        more_out = more_out - 1
      elseif e.is_gone or e.due then
        -- It was settled just now.
      elseif e.state == 'X' then
        tell_dying(e)
      elseif e.state == 'L' and e.count >= settings.maxDeliveries then
        die(e, due, '')
      elseif e.state == 'L' then
        end_lease(e)
        delay(e, due + backoff(e.count))
      elseif has_room() then
        hand_out(e)
      else
        return
      end
    end
    looked_at = looked_at + #ids
  end
end

hand_out_due()
table.sort(ready, function(a, b) return a.id < b.id end)
local left = 0
for _, e in ipairs(ready) do
  if has_room() then hand_out(e) else left = left + 1 end
end

local found = args.found
if found and found.from <= after and has_room() and (redis.call('HGET', CHANNEL, 'epoch') or '') == found.epoch then
  for i, id in ipairs(found.ids) do
    if id > after then
      local value = found.values and found.values[i] or ''
      local is_busy = value ~= '' and queue(value)
      if not has_room() or is_full_now() or (is_busy and settings.order == '*') then break end
      local e = new_entry(id, value, '0')
      begin(e)
      if e.state == 'D' then hand_out(e) end
      if args.counts_gaps then more_missed = more_missed + id - after - 1 end
      after = id
    end
  end
end

local fields = {}
local function set(field, value) fields[#fields + 1], fields[#fields + 2] = field, value end
if after ~= known_after then set('after', after) end
if more_redelivered > 0 then set('redelivered', whole(redelivered + more_redelivered)) end
if more_missed > 0 then set('missed', whole(missed + more_missed)) end
write(fields)
local next_due = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2]
-- Who waits has not read ahead of what kept it from being handed out.
local is_open = is_full(out_before, held_before) and not is_full_now()
if settings.order == '*' then
  for value in pairs(changed_queues) do is_open = is_open or not queues[value] end
end
if left > 0 or is_earlier or is_open then tell_released() end
return {
  'worked', settings_text, after, next_due and math.max(next_due - now, 0) or -1, is_full_now() and 1 or 0, settled, taken, dying,
}
