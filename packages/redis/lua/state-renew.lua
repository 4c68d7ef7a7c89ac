--[[
  Holds a claimed lane for longer.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  app/hook
  ARGV[3]  the token of the claim
  ARGV[4]  for how many milliseconds from now on
  Returns  1; 0 if the claim was lost
]]
if redis.call('HGET', lane_state(ARGV[2]), 'token') ~= ARGV[3] then
  return 0
end
redis.call('ZADD', lanes, now + tonumber(ARGV[4]), ARGV[2])
return 1
