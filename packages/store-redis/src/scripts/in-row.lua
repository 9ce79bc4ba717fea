-- Part of other scripts.
--
-- How many of the newest entries of a list of events, which has so many, follow on each other up to event `last`. Ids in a list
-- ascend, so it is all of them unless the list was deleted, evicted or cut by somebody else.
local function in_row(events, length, last)
  local function is_in_row(index)
    local event = redis.call('LINDEX', events, index)
    -- Of an id that no event has there is the id alone.
    local id = event and (string.match(event, '^{"id":(%d+),') or string.match(event, '^%d+$'))
    return id and tonumber(id) == last - (length - 1 - index)
  end
  if length == 0 or not is_in_row(length - 1) then return 0 end
  local low, high = 0, length - 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_in_row(middle) then high = middle else low = middle + 1 end
  end
  return length - low
end
