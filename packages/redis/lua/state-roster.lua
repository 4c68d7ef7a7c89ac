--[[
  The members of a presence channel as of one moment.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  app/channel
  Returns  the roster's version or 0, its users, and infos as user, info, user, info and so on
]]
return {
  redis.call('HGET', rosters, ARGV[2]) or '0',
  redis.call('HKEYS', tag .. 'm:' .. ARGV[2]),
  redis.call('HGETALL', tag .. 'i:' .. ARGV[2]),
}
