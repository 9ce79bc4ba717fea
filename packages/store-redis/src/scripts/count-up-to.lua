-- Part of other scripts.
--
-- How many ids of a list, which ascend, go up to this one.
local function count_up_to(list, id)
  local size = redis.call('LLEN', list)
  -- Most readers are near the end: go back from there in growing steps, then halve.
  local low, high, step = 0, size, 1
  while high > 0 do
    local probe = math.max(size - step, 0)
    if tonumber(redis.call('LINDEX', list, probe)) <= id then
      low = probe + 1
      break
    end
    high, step = probe, step * 4
  end
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(redis.call('LINDEX', list, middle)) <= id then low = middle + 1 else high = middle end
  end
  return low
end
