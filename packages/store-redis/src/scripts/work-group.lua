-- Settles events of a group, then hands out those that are due and new ones. See GroupStorage of the store.
--
-- KEYS      see group-book.lua
-- ARGV[1]   JSON: settle       a list of { kind, id, token, milliseconds (-1: not told), reason (empty: none told), uncounted }
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
after, redelivered, missed = tonumber(after), tonumber(redelivered), tonumber(missed)
local known_after, known_redelivered, known_missed = after, redelivered, missed
local out_before = redis.call('ZCARD', DUE)
local held_before = redis.call('HLEN', ENTRIES) - out_before

local function is_full()
  return out_before + more_out >= settings.maxPending or held_before + more_held >= args.most_held
end

-- Most events that are due of which one call ends the leases: the next one goes on.
local MOST_DUE = 1000

local function backoff(count) return settings.backoffMs[math.min(count, #settings.backoffMs)] end

-- Whether somebody may wait for something later than what there is now.
local is_earlier = false

local function delay(e, due)
  e.state, e.due = 'D', due
  changed[e.id] = e
  if due <= now then ready[#ready + 1] = e end
end

local dying = {}

local function tell_dying(e)
  e.due = now + args.burial_ms
  changed[e.id] = e
  dying[#dying + 1] = { e.id, e.count, e.reason, tonumber(redis.call('ZSCORE', SINCE, e.key) or now), tonumber(e.ended), e.client }
end

local function die(e, ended, reason)
  e.state, e.ended, e.reason, e.token = 'X', string.format('%.0f', ended), reason, ''
  tell_dying(e)
end

local function lease_end(e) return e.due or tonumber(redis.call('ZSCORE', DUE, e.key)) end

-- Whether it held.
local function settle(kind, id, token, ms, reason, uncounted)
  local e = entry(id)
  if not e or e.is_gone or token == '' or e.token ~= token then return false end
  if kind == 'acknowledge' then
    finish(e)
  elseif kind == 'missed' then
    finish(e)
    missed = missed + 1
  elseif kind == 'reject' then
    end_lease(e)
    die(e, now, reason)
  elseif e.state ~= 'L' or lease_end(e) <= now then
    return false
  elseif kind == 'extend' then
    local due = now + (ms < 0 and settings.leaseMs or ms)
    is_earlier = is_earlier or due < lease_end(e)
    e.due = due
    changed[id] = e
  else
    end_lease(e)
    if uncounted then
      e.count = e.count - 1
      if e.count == 0 then e.since = false end
      e.token = ''
      delay(e, now)
    elseif e.count >= settings.maxDeliveries then
      die(e, now, reason)
    else
      local due = now + (ms < 0 and backoff(e.count) or ms)
      is_earlier = is_earlier or due < lease_end(e)
      e.token = ''
      delay(e, due)
    end
  end
  return true
end

local settled, to_settle = {}, {}
for i, settlement in ipairs(args.settle) do to_settle[i] = settlement[2] end
load_entries(to_settle)
for i, settlement in ipairs(args.settle) do settled[i] = settle(unpack(settlement)) and 1 or 0 end

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
  if e.count == 0 then e.since = now else redelivered = redelivered + 1 end
  e.state, e.count, e.token, e.client, e.due = 'L', e.count + 1, take[4], take[1], now + given[1]
  changed[e.id] = e
  more_leases[e.client] = (more_leases[e.client] or 0) + 1
  local n = #given
  given[n + 1], given[n + 2], given[n + 3] = e.id, e.count, tonumber(e.dead_letter)
  room = room - 1
end

-- Those that were due before, which come first.
local function hand_out_due()
  local looked_at = 0
  while has_room() and looked_at < MOST_DUE do
    local page = redis.call('ZRANGE', DUE, '-inf', now, 'BYSCORE', 'LIMIT', looked_at, 100, 'WITHSCORES')
    if #page == 0 then return end
    local ids = {}
    for i = 1, #page, 2 do ids[#ids + 1] = tonumber(page[i]) end
    load_entries(ids)
    for i, id in ipairs(ids) do
      local e, due = entry(id), tonumber(page[2 * i])
      if not e then
        -- Somebody else has taken entries away.
        changed[id] = { key = page[2 * i - 1], is_gone = true }
        more_out = more_out - 1
      elseif changed[id] and (e.due or e.is_gone) then
        -- It was settled just now.
      elseif e.state == 'X' then
        tell_dying(e)
      else
        if e.state == 'L' then
          end_lease(e)
          if e.count >= settings.maxDeliveries then
            die(e, due, '')
          else
            delay(e, due + backoff(e.count))
          end
        elseif has_room() then
          hand_out(e)
        else
          return
        end
      end
    end
    looked_at = looked_at + #ids
  end
end

hand_out_due()
table.sort(ready, function(a, b) return a.id < b.id end)
local left = 0
for _, e in ipairs(ready) do
  if not has_room() then
    left = left + 1
  else
    hand_out(e)
  end
end

local found = args.found
if found and found.from <= after and has_room() and (redis.call('HGET', CHANNEL, 'epoch') or '') == found.epoch then
  for i, id in ipairs(found.ids) do
    if id > after then
      local value = found.values and found.values[i] or ''
      local is_busy = value ~= '' and queue(value)
      if not has_room() or is_full() or (is_busy and settings.order == '*') then
        break
      end
      local e = new_entry(id, value, '0')
      begin(e)
      if not is_busy then hand_out(e) end
      if args.counts_gaps then missed = missed + id - after - 1 end
      after = id
    end
  end
end

local fields = {}
local function set(field, value, known)
  if value ~= known then fields[#fields + 1], fields[#fields + 2] = field, string.format('%.0f', value) end
end
set('after', after, known_after)
set('redelivered', redelivered, known_redelivered)
set('missed', missed, known_missed)
write(fields)
local next_due = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2]
local is_free = false
for value in pairs(changed_queues) do is_free = is_free or not queues[value] end
local was_full = out_before >= settings.maxPending or held_before >= args.most_held
-- Who waits has not read ahead of what keeps it from being handed out.
if left > 0 or is_earlier or (was_full and not is_full()) or (is_free and settings.order == '*') then tell_released() end
return {
  'worked', settings_text, after, next_due and math.max(next_due - now, 0) or -1, is_full() and 1 or 0, settled, taken, dying,
}
