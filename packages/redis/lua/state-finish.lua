--[[
  Takes events out of a lane, either because they were delivered or because they never will be;
  those are kept as dead letters. What stands behind them is due at once.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  app/hook
  ARGV[3]  the token of the claim
  ARGV[4]  the id of the last event
  ARGV[5]  why they are given up; empty if they were delivered
  ARGV[6]  how many dead letters a lane keeps
  ARGV[7]  for how many milliseconds after the last one
  Returns  1; 0 if the claim was lost
]]
local lane = ARGV[2]
local events, state = lane_events(lane), lane_state(lane)
if redis.call('HGET', state, 'token') ~= ARGV[3] then
  return 0
end
if ARGV[5] ~= '' then
  for _, entry in ipairs(redis.call('XRANGE', events, '-', ARGV[4])) do
    bury(lane, entry[1], entry[2], ARGV[5], ARGV[6], ARGV[7])
  end
end
redis.call('XTRIM', events, 'MINID', id_behind(ARGV[4]))
redis.call('DEL', state)
if redis.call('XLEN', events) == 0 then
  redis.call('DEL', events)
  redis.call('ZREM', lanes, lane)
else
  redis.call('ZADD', lanes, now, lane)
end
return 1
