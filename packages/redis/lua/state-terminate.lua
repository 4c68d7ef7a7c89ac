--[[
  Writes down that the connections of a user are to be ended, under a number that is higher than
  all before it. Numbers start from the clock, so that one that was forgotten is not given again.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  app/channel of the user
  ARGV[3]  for how many milliseconds the termination is remembered
  Returns  the number
]]
local last = number(redis.call('GET', tag .. 'x:' .. ARGV[2]))
local text = string.format('%.0f', math.max(last + 1, now * 1000))
redis.call('SET', tag .. 'x:' .. ARGV[2], text, 'PX', ARGV[3])
return text
