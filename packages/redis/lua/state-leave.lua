--[[
  Ends an incarnation: fences it, so that nothing of it can come after, and takes away what it
  held. Called again until nothing is left.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[5]  the incarnation
  ARGV[6]  how many shares to take away in this step
  Returns  how many are left
]]
local incarnation = ARGV[5]
if redis.call('ZSCORE', lease, incarnation) then
  fence(incarnation)
end
if redis.call('HEXISTS', drain, incarnation) == 1 then
  drain_shares(incarnation, tonumber(ARGV[6]))
  counting().tell_due(ARGV[6])
end
return math.max(redis.call('HLEN', holdings(incarnation)) - 1, 0)
