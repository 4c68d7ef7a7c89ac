--[[
  What any process may do at any time: fences incarnations whose lease ran out, takes away what
  fenced ones held, announces what is due, and forgets dead letters that nobody came for.

  When nobody tended for half a lease the store itself stood still, and so did the heartbeats;
  when most leases run out at once its clock jumped, or the network broke. Writing everybody off
  would announce departures that never were. So nobody is for a while, not even once the first
  are back: the others are on their way.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[5]  for how many milliseconds a lease lives
  ARGV[6]  for how many milliseconds nobody is fenced when there is doubt
  ARGV[7]  for how many milliseconds a fenced incarnation is remembered
  ARGV[8]  how many shares to take away in this step
  ARGV[9]  how many due subjects to look at in this step
  Returns  how many subjects were looked at, incarnations fenced and shares taken away
]]
local lease_ms, guard_ms = tonumber(ARGV[5]), tonumber(ARGV[6])

-- A clock that went back must not make anybody live longer than from now on.
local latest = string.format('%.0f', now + lease_ms)
for _, incarnation in ipairs(redis.call('ZRANGEBYSCORE', lease, '(' .. latest, '+inf')) do
  redis.call('ZADD', lease, latest, incarnation)
end

local function is_doubtful(expired)
  local known = redis.call('HMGET', meta, 'hold', 'tended')
  local hold = number(known[1])
  local since = math.abs(now - (tonumber(known[2]) or now))
  local most = expired * 2 > redis.call('ZCARD', lease)
  -- Many tend at once, and not each of them needs to be written down and replicated.
  if not known[2] or since >= 250 then
    redis.call('HSET', meta, 'tended', now)
  end
  if since > lease_ms / 2 or (most and hold == 0) or hold > now + guard_ms then
    hold = now + guard_ms
    redis.call('HSET', meta, 'hold', hold)
  end
  if now < hold then
    return true
  end
  if not most and hold > 0 then
    redis.call('HDEL', meta, 'hold')
  end
  return false
end

local fenced = 0
if not is_doubtful(redis.call('ZCOUNT', lease, '-inf', now)) then
  for _, incarnation in ipairs(redis.call('ZRANGEBYSCORE', lease, '-inf', now)) do
    fence(incarnation)
    fenced = fenced + 1
  end
  redis.call('ZREMRANGEBYSCORE', dead, '-inf', '(' .. string.format('%.0f', now - tonumber(ARGV[7])))
end

for _, lane in ipairs(redis.call('ZRANGEBYSCORE', dead_lanes, '-inf', now, 'LIMIT', 0, 10)) do
  redis.call('DEL', lane_letters(lane))
  redis.call('ZREM', dead_lanes, lane)
end

local reaped, reap_max = 0, tonumber(ARGV[8])
for _, incarnation in ipairs(redis.call('HKEYS', drain)) do
  if reaped >= reap_max then
    break
  end
  reaped = reaped + drain_shares(incarnation, reap_max - reaped)
end

local subjects = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[9])
for _, subject in ipairs(subjects) do
  redis.call('ZREM', due, subject)
  reconcile(subject)
end
return { #subjects, fenced, reaped }
