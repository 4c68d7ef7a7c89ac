--[[
  Moves events of an app into the lanes of the hooks that want them, and takes them out of the
  app's outbox. Only those that still wait are moved, so doing it twice changes nothing. An event
  that finds a lane full becomes a dead letter of that lane: if it waited, so would all that follow
  it, and with them the other hooks of the app.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  the app
  ARGV[3]  the id of the first event that was looked at
  ARGV[4]  and of the last; after a failover, events may wait that nobody has looked at
  ARGV[5]  how many events a lane may hold
  ARGV[6]  after how many milliseconds a new lane is due
  ARGV[7]  why an event that finds a lane full is given up
  ARGV[8]  how many dead letters a lane keeps
  ARGV[9]  for how many milliseconds after the last one
  ARGV[10] the first of several arguments per hook: its name, how many events it wants, their ids
  Returns  app/hook, how many dead letters, app/hook, how many and so on, of the lanes that were full
]]
local app, first, lane_max = ARGV[2], ARGV[3], tonumber(ARGV[5])
local wishes, wished = {}, {}
local at = 10
while at <= #ARGV do
  local lane = app .. '/' .. ARGV[at]
  wished[#wished + 1] = lane
  for offset = 2, 1 + tonumber(ARGV[at + 1]) do
    local id = ARGV[at + offset]
    wishes[id] = wishes[id] or {}
    table.insert(wishes[id], lane)
  end
  at = at + 2 + tonumber(ARGV[at + 1])
end

local waiting = redis.call('XRANGE', outbox(app), '-', ARGV[4])
if #redis.call('XRANGE', outbox(app), '-', '(' .. first, 'COUNT', 1) > 0 then
  waiting = {}
end

local letters = {}
for _, entry in ipairs(waiting) do
  local id, fields = entry[1], entry[2]
  for _, lane in ipairs(wishes[id] or {}) do
    if redis.call('XLEN', lane_events(lane)) < lane_max then
      redis.call('XADD', lane_events(lane), id, unpack(fields))
      redis.call('ZADD', lanes, 'NX', now + tonumber(ARGV[6]), lane)
    else
      bury(lane, id, fields, ARGV[7], ARGV[8], ARGV[9])
      letters[lane] = (letters[lane] or 0) + 1
    end
  end
end
if #waiting > 0 then
  redis.call('XTRIM', outbox(app), 'MINID', id_behind(waiting[#waiting][1]))
end
if redis.call('XLEN', outbox(app)) == 0 then
  redis.call('DEL', outbox(app))
  redis.call('SREM', apps, app)
end
local full = {}
for _, lane in ipairs(wished) do
  if letters[lane] then
    full[#full + 1] = lane
    full[#full + 1] = letters[lane]
  end
end
return full
