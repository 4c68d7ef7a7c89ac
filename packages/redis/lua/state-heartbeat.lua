--[[
  Renews a lease. One that ran out and was not fenced yet lives on.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[2]  the incarnation
  ARGV[3]  for how many milliseconds it lives on
  ARGV[4]  for how many milliseconds nobody is fenced when there is doubt
  ARGV[5]  for how many milliseconds a fenced incarnation is remembered
  Returns  the epoch, the version of the last report, and in how many milliseconds to tend, -1 if
           nothing is known that would need it; nil if the incarnation is fenced
]]
local incarnation, lease_ms = ARGV[2], tonumber(ARGV[3])
if not redis.call('ZSCORE', lease, incarnation) then
  return false
end
local hold, polled, telling = watch(lease_ms, tonumber(ARGV[4]))
redis.call('ZADD', lease, now + lease_ms, incarnation)
return {
  redis.call('HGET', meta, 'epoch') or '',
  number(redis.call('HGET', holdings(incarnation), '@v')),
  tend_in(hold, polled, tonumber(ARGV[5]), telling and first_score(tag .. 'tells')),
}
