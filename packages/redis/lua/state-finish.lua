--[[
  Takes events out of a lane, either because they were delivered or because they never will be;
  those are kept as dead letters. What stands behind them is due at once.

  A dead letter's place is counted and not its event's id: a lane that was filled again with older
  events may give them up as well.

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
    local place = redis.call('HINCRBY', meta, 'letters', 1) .. '-0'
    redis.call('XADD', lane_letters(lane), 'MAXLEN', ARGV[6], place, 'i', entry[1], 'r', ARGV[5], unpack(entry[2]))
  end
  redis.call('ZADD', dead_lanes, now + tonumber(ARGV[7]), lane)
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
