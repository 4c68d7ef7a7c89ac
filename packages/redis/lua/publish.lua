--[[
  Publishes one message to the edges that hold its channel. A recorded message gets the next
  place in the channel's sequence and an entry in its short history in the same step, so that two
  publishers cannot take one number and an edge that missed a message can still read it.

  The history is the sequence as well: its newest entry carries the last number. Once it has run
  out the channel begins a new epoch at 1, which tells an edge that it cannot know what it missed.

  A cache channel keeps its last recorded message for those who subscribe later: in the same step
  too, so that what is kept and what is delivered never differ in their order.

  Behind KEYS[2] stand only those keys that an argument announces: an absent key has no name that
  would hash to the right slot.

  KEYS[1]  {tag}:h:<app>/<channel>          list, the channel's last messages, newest first
  KEYS[2]  {tag}:s:<app>/<channel>          topic of the channel
  KEYS[3]  {tag}:once:<app>/<channel>:<id>  string, there while the id is taken; only with ARGV[6]
  KEYS[#KEYS]  {tag}:c:<app>/<channel>      string, what the channel keeps, the last key; only with ARGV[7]
  ARGV[1]  the envelope without its place: id:flags:except\nframe
  ARGV[2]  how many messages the history keeps; 0 for a message that is not recorded
  ARGV[3]  for how many milliseconds it keeps them
  ARGV[4]  the epoch to begin if the channel has none
  ARGV[5]  1 if an earlier attempt of the same publisher may have got through, else 0
  ARGV[6]  for how many milliseconds the id is taken once; 0 if the caller did not ask for that
  ARGV[7]  for how many milliseconds the channel keeps the message; 0 if it is no cache channel
  Returns  the message's number; 0 if it is not recorded; -1 if it had been taken before
]]
local history, topic = KEYS[1], KEYS[2]
local body, keep, keep_ms, new_epoch = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local repeated, once_ms, cache_ms = ARGV[5] == '1', ARGV[6], ARGV[7]

if once_ms ~= '0' and not redis.call('SET', KEYS[3], '1', 'NX', 'PX', once_ms) then
  return -1
end

if keep == 0 then
  redis.call('SPUBLISH', topic, '0:0:' .. body)
  return 0
end

-- An envelope reads epoch:seq:id:…, so its second colon stands before the id.
local function place(envelope)
  local first = string.find(envelope, ':', 1, true)
  local second = string.find(envelope, ':', first + 1, true)
  return string.sub(envelope, 1, first - 1), tonumber(string.sub(envelope, first + 1, second - 1)), second
end

if repeated then
  local id = string.sub(body, 1, string.find(body, ':', 1, true))
  for _, envelope in ipairs(redis.call('LRANGE', history, 0, -1)) do
    local _, _, colon = place(envelope)
    if string.sub(envelope, colon + 1, colon + #id) == id then
      return -1
    end
  end
end

local epoch, seq = new_epoch, 0
local newest = redis.call('LINDEX', history, 0)
if newest then
  epoch, seq = place(newest)
end
seq = seq + 1

local envelope = epoch .. ':' .. seq .. ':' .. body
if redis.call('LPUSH', history, envelope) > keep then
  redis.call('LTRIM', history, 0, keep - 1)
end
redis.call('PEXPIRE', history, keep_ms)
if cache_ms ~= '0' then
  redis.call('SET', KEYS[#KEYS], envelope, 'PX', cache_ms)
end
redis.call('SPUBLISH', topic, envelope)
return seq
