-- Creates a group unless there is one, or changes its settings.
--
-- KEYS[1]  hash  the channel. The name of its pub/sub channel is that and ':new'
-- KEYS[2]  hash  the group: settings, after, created, redelivered, missed, forgotten (see group-book.lua)
-- KEYS[3]  set   the groups of the channel
-- ARGV[1]  JSON: name      of the group among those of the channel
--                settings  JSON
--                after     id of the event that a new one begins behind, as a string of 16 digits; behind the last if that is lower
--                changes   whether the settings of one that there is are to be changed, if its order stays what it is
-- Reply    { 'created' or 'known', its settings }
local args = cjson.decode(ARGV[1])
local known = redis.call('HGET', KEYS[2], 'settings')
if not known then
  local clock = redis.call('TIME')
  local created = string.format('%d%03d', clock[1], math.floor(clock[2] / 1000))
  local last = string.format('%016.0f', tonumber(redis.call('HGET', KEYS[1], 'last') or 0))
  local after = args.after < last and args.after or last
  redis.call('HSET', KEYS[2], 'settings', args.settings, 'after', after, 'created', created)
  redis.call('HSET', KEYS[2], 'redelivered', '0', 'missed', '0', 'forgotten', '0')
  redis.call('SADD', KEYS[3], args.name)
  return { 'created', args.settings }
end
if not args.changes then return { 'known', known } end
if cjson.decode(known).order ~= cjson.decode(args.settings).order then return { 'known', known } end
redis.call('HSET', KEYS[2], 'settings', args.settings)
redis.call('SPUBLISH', KEYS[1] .. ':new', 'released ' .. args.name)
return { 'known', args.settings }
