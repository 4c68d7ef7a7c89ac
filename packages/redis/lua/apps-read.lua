--[[
  Reads all apps and the version they have, in one step; only the version where that is known
  already, so that asking again and again costs next to nothing.

  KEYS[1]  {tag}:registry          hash, id of an app -> its settings
  KEYS[2]  {tag}:registry-version  string, another one after every change
  ARGV[1]  the version that the caller knows; empty if none
  Returns  the version, empty if there is none; behind it, unless it is the known one, id and settings of each app
]]
local version = redis.call('GET', KEYS[2]) or ''
if version == '' or version == ARGV[1] then
  return { version }
end
local reply = redis.call('HGETALL', KEYS[1])
table.insert(reply, 1, version)
return reply
