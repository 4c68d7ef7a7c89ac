--[[
  Takes what an incarnation says of its subjects: absolute figures under a version, so that a
  repeat or a late arrival changes nothing. The lease is looked at where the data is, in the same
  step: whoever was fenced can change nothing any more.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[5]  the incarnation
  ARGV[6]  the version of the report
  ARGV[7]  the version that was confirmed before
  ARGV[8]  the first of four arguments per share: subject, count, user info, flags as in state-decide
  Returns  1 if the report was taken or is an old one; 0 if the store has lost what it had
           confirmed; nil if the incarnation is fenced. If it has set counts in motion: in how many
           milliseconds the first and the last of them are due to be told
]]
local incarnation = ARGV[5]
if not redis.call('ZSCORE', lease, incarnation) then
  return false
end
local held = holdings(incarnation)
local version, known = tonumber(ARGV[6]), number(redis.call('HGET', held, '@v'))
if version <= known then
  return 1
end
if tonumber(ARGV[7]) > known then
  return 0
end
redis.call('HSET', held, '@v', version)
for at = 8, #ARGV, 4 do
  take(held, at)
end
return tells_in() or 1
