--[[
  What the store believes an incarnation holds. It uses a version up as a report does, so that no
  older one that is still on its way can change the answer afterwards.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[2]  the incarnation
  ARGV[3]  the version
  Returns  subject, count, subject, count and so on, and the version under '@v'; nil if the
           incarnation is fenced
]]
if not redis.call('ZSCORE', lease, ARGV[2]) then
  return false
end
local held = holdings(ARGV[2])
if tonumber(ARGV[3]) > number(redis.call('HGET', held, '@v')) then
  redis.call('HSET', held, '@v', ARGV[3])
end
return redis.call('HGETALL', held)
