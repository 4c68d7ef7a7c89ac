--[[
  The lanes that have dead letters.

  KEYS[1]  {tag}:lease  only tells where to run
  Returns  app/hook, how many, app/hook, how many and so on
]]
local found = {}
for _, lane in ipairs(redis.call('ZRANGE', dead_lanes, 0, -1)) do
  found[#found + 1] = lane
  found[#found + 1] = redis.call('XLEN', lane_letters(lane))
end
return found
