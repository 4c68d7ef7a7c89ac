--[[
  Hands out lanes that are due, and keeps them from others until the lease runs out. A worker that
  dies meanwhile has done no harm: the same events with the same ids go to the next one.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  the token that proves the claim
  ARGV[3]  for how many milliseconds the lanes are held
  ARGV[4]  how many lanes
  ARGV[5]  how many events of each
  Returns  per lane three values: app/hook, attempts that failed before, events
]]
local claimed = {}
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', lanes, '-inf', now, 'LIMIT', 0, ARGV[4])) do
  redis.call('ZADD', lanes, now + tonumber(ARGV[3]), lane)
  redis.call('HSET', lane_state(lane), 'token', ARGV[2])
  claimed[#claimed + 1] = lane
  claimed[#claimed + 1] = number(redis.call('HGET', lane_state(lane), 'attempts'))
  claimed[#claimed + 1] = redis.call('XRANGE', lane_events(lane), '-', '+', 'COUNT', ARGV[5])
end
return claimed
