--[[
  Moves events of an app into the lanes of the hooks that want them, and takes them out of the
  app's outbox. Only those that still wait are moved, so doing it twice changes nothing. An event
  that finds a lane full stays, with all that follow it: per hook, the order is that of the outbox.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  the app
  ARGV[3]  the id of the first event that was looked at
  ARGV[4]  and of the last; after a failover, events may wait that nobody has looked at
  ARGV[5]  how many events a lane may hold
  ARGV[6]  after how many milliseconds a new lane is due
  ARGV[7]  the first of several arguments per hook: its name, how many events it wants, their ids
  Returns  how many events left the outbox
]]
local app, first, lane_max = ARGV[2], ARGV[3], tonumber(ARGV[5])
local wishes = {}
local at = 7
while at <= #ARGV do
  local lane = app .. '/' .. ARGV[at]
  for offset = 2, 1 + tonumber(ARGV[at + 1]) do
    local id = ARGV[at + offset]
    wishes[id] = wishes[id] or {}
    table.insert(wishes[id], lane)
  end
  at = at + 2 + tonumber(ARGV[at + 1])
end

local function any_full(wanted)
  for _, lane in ipairs(wanted) do
    if redis.call('XLEN', lane_events(lane)) >= lane_max then
      return true
    end
  end
  return false
end

local waiting = redis.call('XRANGE', outbox(app), '-', ARGV[4])
if #redis.call('XRANGE', outbox(app), '-', '(' .. first, 'COUNT', 1) > 0 then
  waiting = {}
end

local moved, last = 0, nil
for _, entry in ipairs(waiting) do
  local id, fields = entry[1], entry[2]
  local wanted = wishes[id] or {}
  if any_full(wanted) then
    break
  end
  for _, lane in ipairs(wanted) do
    redis.call('XADD', lane_events(lane), id, unpack(fields))
    redis.call('ZADD', lanes, 'NX', now + tonumber(ARGV[6]), lane)
  end
  moved, last = moved + 1, id
end
if last then
  redis.call('XTRIM', outbox(app), 'MINID', id_behind(last))
end
if redis.call('XLEN', outbox(app)) == 0 then
  redis.call('DEL', outbox(app))
  redis.call('SREM', apps, app)
end
return moved
