--[[
  Writes an event that no count causes into its app's outbox.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[5]  the app
  ARGV[6]  the event as JSON
  ARGV[7]  the first of the subjects that it happened amid
  Returns  1; 0 if the outbox is full; 2 if the app has yet to hear of one of these subjects, or
           heard that it is gone. One that is up and not due is one that nobody wants to hear of
]]
if redis.call('XLEN', outbox(ARGV[5])) >= unrouted_max then
  return 0
end
for at = 7, #ARGV do
  local subject = ARGV[at]
  if redis.call('SISMEMBER', told, subject) == 0 and (not is_up(subject) or redis.call('ZSCORE', due, subject)) then
    return 2
  end
end
return emit(ARGV[5], 'e', ARGV[6]) and 1 or 0
