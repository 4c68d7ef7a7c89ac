--[[
  Lets a member into a presence channel unless that is full, and answers with the roster as of
  this step. The channel's own share is taken with it, and first: the app hears of the channel
  before it hears of the member. A refusal takes neither, and uses the version up as well: an earlier attempt of the same member that is
  still on its way must not get in later.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[5]  the incarnation
  ARGV[6]  the version of the report
  ARGV[7]  the version that was confirmed before
  ARGV[8]  how many members the channel may have
  ARGV[9]  the channel's share: subject, count, user info and flags as in state-report
  ARGV[13] the member's
  Returns  the roster's version, its users, and infos as user, info, user, info and so on;
           1 if the channel is full; 0 if the store has lost what it had confirmed; nil if the
           incarnation is fenced
]]
local incarnation = ARGV[5]
if not redis.call('ZSCORE', lease, incarnation) then
  return false
end
local held = holdings(incarnation)
local channel, user = parse(ARGV[13])
local members = tag .. 'm:' .. channel
local full = redis.call('HEXISTS', members, user) == 0 and redis.call('HLEN', members) >= tonumber(ARGV[8])
local version, known = tonumber(ARGV[6]), number(redis.call('HGET', held, '@v'))
if version > known then
  if tonumber(ARGV[7]) > known then
    return 0
  end
  redis.call('HSET', held, '@v', version)
  if not full then
    take(held, 9)
    take(held, 13)
  end
end
if full then
  return 1
end
return {
  redis.call('HGET', rosters, channel) or '0',
  redis.call('HKEYS', members),
  redis.call('HGETALL', tag .. 'i:' .. channel),
}
