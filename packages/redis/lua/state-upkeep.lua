--[[
  What any process may do at any time: fences incarnations whose lease ran out, takes away what
  fenced ones held, announces what is due, tells counts, and forgets what nobody came for. The loader puts this
  file behind state-decide and state-watch.

  When most leases run out at once the store's clock jumped, or the network broke: that is doubt as
  well, as state-watch has it.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[5]  for how many milliseconds a lease lives
  ARGV[6]  for how many milliseconds nobody is fenced when there is doubt
  ARGV[7]  for how many milliseconds a fenced incarnation is remembered
  ARGV[8]  how many shares to take away in this step
  ARGV[9]  how many due subjects and how many due counts to look at in this step
  Returns  nothing; the script that follows does
]]
local lease_ms, guard_ms, tombstone_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

-- The doubt that is left, and whether there is any.
local function doubt(hold, expired)
  local most = expired > 0 and expired * 2 > redis.call('ZCARD', lease)
  if most and hold == 0 then
    hold = now + guard_ms
    redis.call('HSET', meta, 'hold', hold)
  end
  if now < hold then
    return hold, true
  end
  if not most and hold > 0 then
    redis.call('HDEL', meta, 'hold')
    hold = 0
  end
  return hold, false
end

local function forget()
  redis.call('ZREMRANGEBYSCORE', dead, '-inf', '(' .. string.format('%.0f', now - tombstone_ms))
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', dead_lanes, '-inf', now, 'LIMIT', 0, 10)) do
    redis.call('DEL', lane_letters(lane))
    redis.call('ZREM', dead_lanes, lane)
  end
end

-- How many subjects were looked at, incarnations fenced and shares taken away; and the doubt that is left.
local function tend(hold, forgets, telling)
  local expired = redis.call('ZRANGEBYSCORE', lease, '-inf', now)
  local doubtful
  hold, doubtful = doubt(hold, #expired)
  if doubtful then
    expired = {}
  elseif forgets then
    forget()
  end
  for _, incarnation in ipairs(expired) do
    fence(incarnation)
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
  if telling or reaped > 0 then
    counting().tell_due(ARGV[9])
  end
  return #subjects, #expired, reaped, hold
end
