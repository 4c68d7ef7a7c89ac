--[[
  Whether the store itself stood still, and when a partition has something to tend next. The loader
  puts this file in front of the scripts that renew a lease or end one; @fanfare/core's MemoryLeases
  is the same in TypeScript.

  Whoever looks at the partition leaves a sign of life. When there was none for half a lease, the
  store stood still and so did the heartbeats, or its clock jumped: writing everybody off would
  announce departures that never were. So nobody is for a while, not even once the first are back:
  the others are on their way. A heartbeat is a sign of life like any other, and so it has to look
  as well, before it hides that there was none.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  Returns  nothing; the script that follows does
]]

-- Many look at once, and not each of them needs to be written down and replicated.
local NOTE_MS = 1000
-- Workers look more often; when they do, what is due is theirs.
local POLLED_MS = 3000

-- Until when nobody is fenced, or 0 if there is no doubt; when a worker was last here; and whether
-- counts wait to be told.
local function watch(lease_ms, guard_ms)
  -- A clock that went back must not make anybody live longer than from now on.
  local latest = string.format('%.0f', now + lease_ms)
  for _, incarnation in ipairs(redis.call('ZRANGEBYSCORE', lease, '(' .. latest, '+inf')) do
    redis.call('ZADD', lease, latest, incarnation)
  end
  local known = redis.call('HMGET', meta, 'hold', 'alive', 'polled', 'tells')
  local hold = number(known[1])
  local since = math.abs(now - (tonumber(known[2]) or now))
  if not known[2] or since >= NOTE_MS then
    redis.call('HSET', meta, 'alive', now)
  end
  if since > lease_ms / 2 or hold > now + guard_ms then
    hold = now + guard_ms
    redis.call('HSET', meta, 'hold', hold)
  end
  return hold, number(known[3]), known[4] ~= false
end

local function first_score(zset)
  return tonumber(redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2])
end

-- After so much longer than it should have waited, a count is told by anybody who comes by: whoever
-- set it in motion may be dead.
local ORPHAN_MS = 1000

-- In how many milliseconds somebody should tend; -1 if nothing is known that would need it. The next
-- count is due to be told at `tell_at`, if any is.
local function tend_in(hold, polled, tombstone_ms, tell_at)
  if redis.call('EXISTS', drain) == 1 then
    return 0
  end
  -- While there is doubt nobody is fenced, and when it is over somebody has to take note of that.
  local at = hold > 0 and hold or first_score(lease) or math.huge
  at = math.min(at, tell_at and tell_at + ORPHAN_MS or math.huge)
  if math.abs(now - polled) >= POLLED_MS then
    at = math.min(at, first_score(due) or math.huge)
    if hold == 0 then
      local tombstone = first_score(dead)
      at = math.min(at, tombstone and tombstone + tombstone_ms + 1 or math.huge, first_score(dead_lanes) or math.huge)
    end
  end
  return at < math.huge and math.max(at - now, 0) or -1
end
