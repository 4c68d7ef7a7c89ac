--[[
  Moves dead letters into a lane of their own, to be delivered once more with the ids they have.
  Letters of several lanes may have met there, so they are put in the order of their ids, and one
  that is there twice is moved once.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  app/hook of the lane that gave them up
  ARGV[3]  app/hook of the lane to fill
  ARGV[4]  how many
  ARGV[5]  after how many milliseconds the lane is due
  Returns  how many were moved; 0 while the lane still holds events
]]
local from, to = ARGV[2], ARGV[3]
if redis.call('EXISTS', lane_events(to)) == 1 then
  return 0
end

local moved = {}
for _, letter in ipairs(redis.call('XRANGE', lane_letters(from), '-', '+', 'COUNT', ARGV[4])) do
  local fields = letter[2]
  local ms, sequence = string.match(fields[2], '^(%d+)-(%d+)$')
  moved[#moved + 1] = { place = letter[1], id = fields[2], ms = tonumber(ms), sequence = tonumber(sequence), fields = fields }
end
table.sort(moved, function(one, other)
  if one.ms == other.ms then
    return one.sequence < other.sequence
  end
  return one.ms < other.ms
end)

local last
for _, letter in ipairs(moved) do
  if letter.id ~= last then
    redis.call('XADD', lane_events(to), letter.id, unpack(letter.fields, 5))
  end
  redis.call('XDEL', lane_letters(from), letter.place)
  last = letter.id
end
if #moved > 0 then
  redis.call('ZADD', lanes, now + tonumber(ARGV[5]), to)
end
if redis.call('XLEN', lane_letters(from)) == 0 then
  redis.call('DEL', lane_letters(from))
  redis.call('ZREM', dead_lanes, from)
end
return #moved
