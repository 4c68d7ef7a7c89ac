--[[
  The events of each app that no hook has been chosen for yet, oldest first.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[2]  how many events of an app
  Returns  app, events, app, events and so on
]]
local found = {}
for _, app in ipairs(redis.call('SMEMBERS', apps)) do
  found[#found + 1] = app
  found[#found + 1] = redis.call('XRANGE', outbox(app), '-', '+', 'COUNT', ARGV[2])
end
return found
