--[[
  What waits in a partition, for whoever watches it.

  KEYS[1]  {tag}:lease  only tells where to run
  Returns  unrouted events, lanes, events in them, when the oldest of these happened or nil, dead letters
]]
local unrouted = 0
for _, app in ipairs(redis.call('SMEMBERS', apps)) do
  unrouted = unrouted + redis.call('XLEN', outbox(app))
end

local names, events, oldest = redis.call('ZRANGE', lanes, 0, -1), 0, nil
for _, lane in ipairs(names) do
  events = events + redis.call('XLEN', lane_events(lane))
  local first = redis.call('XRANGE', lane_events(lane), '-', '+', 'COUNT', 1)[1]
  local at = first and tonumber(first[2][2])
  if at and (not oldest or at < oldest) then
    oldest = at
  end
end

local letters = 0
for _, lane in ipairs(redis.call('ZRANGE', dead_lanes, 0, -1)) do
  letters = letters + redis.call('XLEN', lane_letters(lane))
end
return { unrouted, #names, events, oldest or false, letters }
