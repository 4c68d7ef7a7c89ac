--[[
  A worker's visit in one step: tends the partition, hands out lanes that are due and keeps them
  from others until the claim's lease runs out, and shows what no hook has been chosen for yet.

  A worker that dies meanwhile has done no harm: the same events with the same ids go to the next one.

  KEYS[1]   {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[5]   five arguments as in state-upkeep
  ARGV[10]  the token that proves the claim
  ARGV[11]  for how many milliseconds the lanes are held
  ARGV[12]  how many lanes; 0 for a worker that has enough
  ARGV[13]  how many events of each
  ARGV[14]  how many events of each app that no hook has been chosen for
  Returns   the time, how many subjects were looked at, incarnations fenced and shares taken away; app, events,
            app, events and so on; app/hook, attempts that failed before, events and so on. The
            time alone if there was nothing at all, as on most visits
]]
local hold, polled, telling = watch(lease_ms, guard_ms)
local noted = math.abs(now - polled) >= NOTE_MS
if noted then
  redis.call('HSET', meta, 'polled', now)
end
local reconciled, fenced, reaped = tend(hold, noted, telling)

local claimed = {}
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', lanes, '-inf', now, 'LIMIT', 0, ARGV[12])) do
  redis.call('ZADD', lanes, now + tonumber(ARGV[11]), lane)
  redis.call('HSET', lane_state(lane), 'token', ARGV[10])
  claimed[#claimed + 1] = lane
  claimed[#claimed + 1] = number(redis.call('HGET', lane_state(lane), 'attempts'))
  claimed[#claimed + 1] = redis.call('XRANGE', lane_events(lane), '-', '+', 'COUNT', ARGV[13])
end

local unrouted = {}
for _, app in ipairs(ARGV[14] ~= '0' and redis.call('SMEMBERS', apps) or {}) do
  unrouted[#unrouted + 1] = app
  unrouted[#unrouted + 1] = redis.call('XRANGE', outbox(app), '-', '+', 'COUNT', ARGV[14])
end

if reconciled + fenced + reaped + #claimed + #unrouted == 0 then
  return now
end
return { now, reconciled, fenced, reaped, unrouted, claimed }
