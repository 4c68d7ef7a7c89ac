--[[
  Gives a claimed lane back with its events.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  app/hook
  ARGV[3]  the token of the claim
  ARGV[4]  after how many milliseconds the lane is due again
  ARGV[5]  1 if an attempt failed, else 0
  Returns  1; 0 if the claim was lost
]]
local lane = ARGV[2]
local state = lane_state(lane)
if redis.call('HGET', state, 'token') ~= ARGV[3] then
  return 0
end
redis.call('HDEL', state, 'token')
if ARGV[5] == '1' then
  redis.call('HINCRBY', state, 'attempts', 1)
end
redis.call('ZADD', lanes, now + tonumber(ARGV[4]), lane)
return 1
