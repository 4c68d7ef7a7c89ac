--[[
  Gives an incarnation its lease. A store without an epoch has lost its data or never had any; it
  begins one, and announces nothing until every edge has had the time to say what it holds.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[2]  the incarnation
  ARGV[3]  for how many milliseconds it lives without a heartbeat
  ARGV[4]  the epoch to begin if there is none
  ARGV[5]  for how many milliseconds a new epoch announces nothing
  Returns  the epoch; nil if the incarnation was fenced
]]
local incarnation = ARGV[2]
if redis.call('ZSCORE', dead, incarnation) then
  return false
end
if redis.call('HSETNX', meta, 'epoch', ARGV[4]) == 1 then
  redis.call('HSET', meta, 'grace', now + tonumber(ARGV[5]))
  redis.call('HSETNX', meta, 'alive', now)
end
redis.call('ZADD', lease, now + tonumber(ARGV[3]), incarnation)
return redis.call('HGET', meta, 'epoch')
