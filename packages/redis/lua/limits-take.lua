--[[
  Hands a node a piece of what an app may do in a second, which the node then spends by itself:
  Redis is asked once for many requests. @fanfare/core's Gcra counts the same way. It runs in the
  app's partition, behind state-names.

  KEYS[1]  {tag}:lease  for the name of the partition; not looked at
  ARGV[2]  <app>/<kind>, which names the rate {tag}:rate:<app>/<kind>: a string, how many
           milliseconds are owed, and since when; gone a second after nothing is owed any more
  ARGV[3]  how many may be taken in a second
  ARGV[4]  how many the node needs; fewer are of no use to it
  ARGV[5]  how many it fetches at a time, if it needs no more
  Returns  how many it may take, and after how many milliseconds to ask again; 0 if there is more
]]
local burst_ms = 1000
local rate, per_second = tag .. 'rate:' .. ARGV[2], tonumber(ARGV[3])
local need, chunk = tonumber(ARGV[4]), tonumber(ARGV[5])

local kept_owed, kept_at = string.match(redis.call('GET', rate) or '', '^(%S+) (%S+)$')
local owed = math.max(number(kept_owed) - math.max(now - number(kept_at), 0), 0)

-- When there will be so many. Never for less than a chunk: a node that is always short would always ask.
local function wait_ms(count)
  return math.max(math.ceil(owed - math.max(burst_ms - count * 1000 / per_second, 0)), 1)
end

local left = math.floor((burst_ms - owed) * per_second / 1000 + 1e-6)
local granted = math.min(left, math.max(need, chunk))
-- More than a second's worth at once is given when nothing is owed, and then is.
if need > per_second and owed == 0 then
  granted = need
elseif left < need then
  return { 0, wait_ms(math.max(need, chunk)) }
end
owed = owed + granted * 1000 / per_second
redis.call('SET', rate, string.format('%.6f %.0f', owed, now), 'PX', math.ceil(owed) + burst_ms)
return { granted, left > granted and 0 or wait_ms(chunk) }
