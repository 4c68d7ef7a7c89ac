--[[
  What every script of the state store begins with: its clock and the names of a partition's keys.
  The loader puts this file in front of them.

  All keys of a partition carry its hash tag, and the scripts make their names from it: which of
  them an operation touches depends on what it finds. The one that is passed tells Redis Cluster
  where to run. src/keys.ts says what each of them holds and who removes it.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[1]  the time in milliseconds since 1970; 0 for the clock of Redis, a test may give another
  Returns  nothing; the script that follows does
]]
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local lease = KEYS[1]
local tag = string.sub(lease, 1, -6)
local meta, dead, drain = tag .. 'meta', tag .. 'dead', tag .. 'drain'
local counts, rosters = tag .. 'counts', tag .. 'rosters'
local told, told_members, due = tag .. 'told', tag .. 'told-members', tag .. 'due'
local apps, lanes, dead_lanes = tag .. 'apps', tag .. 'lanes', tag .. 'dead-lanes'

local function number(value)
  return tonumber(value) or 0
end

-- What an incarnation holds: subject -> count, and under '@v' the version of its last report.
local function holdings(incarnation)
  return tag .. 'n:' .. incarnation
end

local function outbox(app)
  return tag .. 'q:' .. app
end

local function lane_events(lane)
  return tag .. 'l:' .. lane
end

local function lane_state(lane)
  return tag .. 'lk:' .. lane
end

local function lane_letters(lane)
  return tag .. 'dl:' .. lane
end

-- '1-2' -> '1-3': the smallest id that may come behind.
local function id_behind(id)
  local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
  return ms .. '-' .. string.format('%.0f', tonumber(sequence) + 1)
end
