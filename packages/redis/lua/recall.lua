--[[
  Reads what a cache channel keeps. Of all who find nothing, the first takes note of it in the same
  step, so that an app is told of one miss and not of every subscriber's. The note is an empty text
  in the event's own place: the next event overwrites it, and the miss after that one is told again.

  KEYS[1]  {tag}:c:<app>/<channel>  string, an envelope, or empty for a while after a miss
  ARGV[1]  for how many milliseconds further misses are not told; 0 for a caller who tells nobody
  Returns  the envelope and the milliseconds it has left; without one, 1 for the first and else 0
]]
local kept = redis.call('GET', KEYS[1])
if kept and kept ~= '' then
  return { kept, redis.call('PTTL', KEYS[1]) }
end
if kept or ARGV[1] == '0' then
  return { 0 }
end
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return { 1 }
