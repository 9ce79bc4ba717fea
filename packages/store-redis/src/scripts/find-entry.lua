-- Part of other scripts.
--
-- The entry of an event in the order of an index, and where it is there; nil if it has none.
local function find_entry(order, id)
  local low, high = 0, redis.call('LLEN', order)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local entry = redis.call('LINDEX', order, middle)
    local found = tonumber(string.match(entry, '^%d+'))
    if found == id then return entry, middle end
    if found < id then low = middle + 1 else high = middle end
  end
end
