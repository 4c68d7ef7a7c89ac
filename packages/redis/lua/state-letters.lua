--[[
  How an event becomes a dead letter. The loader puts this file between state-names and the scripts
  that give events up.

  A letter's place is counted and is not its event's id: a lane that was filled again with older
  events may give them up as well.

  KEYS[1]  {tag}:lease  as in state-names
  Returns  nothing; the script that follows does
]]
local function bury(lane, id, fields, reason, letters_max, keep_ms)
  local place = redis.call('HINCRBY', meta, 'letters', 1) .. '-0'
  redis.call('XADD', lane_letters(lane), 'MAXLEN', letters_max, place, 'i', id, 'r', reason, unpack(fields))
  redis.call('ZADD', dead_lanes, now + tonumber(keep_ms), lane)
end
