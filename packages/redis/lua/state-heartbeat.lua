--[[
  Renews a lease. One that ran out and was not fenced yet lives on.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[2]  the incarnation
  ARGV[3]  for how many milliseconds it lives on
  Returns  the epoch and the version of the last report; nil if the incarnation is fenced
]]
local incarnation = ARGV[2]
if not redis.call('ZSCORE', lease, incarnation) then
  return false
end
redis.call('ZADD', lease, now + tonumber(ARGV[3]), incarnation)
return {
  redis.call('HGET', meta, 'epoch') or '',
  number(redis.call('HGET', holdings(incarnation), '@v')),
}
