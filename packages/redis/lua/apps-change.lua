--[[
  Changes apps and tells every process, if nobody else has changed any since the caller has read
  them: the caller has checked its change against all apps of that version, keys of others included.

  KEYS[1]  {tag}:registry          hash, id of an app -> its settings
  KEYS[2]  {tag}:registry-version  string, another one after every change
  KEYS[3]  {tag}:registry-changed  topic on which the new version is told
  ARGV[1]  the version that the caller has read; empty if there was none
  ARGV[2]  the new version
  ARGV[3]  the id of the first app to change; behind it its settings, empty to remove it; then the next id
  Returns  1; 0 if the version is another one by now
]]
local hash, version = KEYS[1], KEYS[2]
local current = redis.call('GET', version) or ''
if current ~= ARGV[1] then
  return 0
end
if current == '' then
  -- What may have outlived its version was checked by nobody.
  redis.call('DEL', hash)
end
for at = 3, #ARGV, 2 do
  if ARGV[at + 1] == '' then
    redis.call('HDEL', hash, ARGV[at])
  else
    redis.call('HSET', hash, ARGV[at], ARGV[at + 1])
  end
end
redis.call('SET', version, ARGV[2])
redis.call('SPUBLISH', KEYS[3], ARGV[2])
return 1
