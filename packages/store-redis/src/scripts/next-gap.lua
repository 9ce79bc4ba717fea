-- Part of other scripts.
--
-- The first gap of a channel that ends at an id or behind it: its first and its last id, and how many ids lie in gaps up to there.
-- Nothing if there is none.
local function next_gap(gaps, id)
  local found = redis.call('ZRANGE', gaps, string.format('%.0f', id), '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
  if not found then return end
  local from, to, total = string.match(found, '^(%d+) (%d+) (%d+)$')
  return tonumber(from), tonumber(to), tonumber(total)
end
