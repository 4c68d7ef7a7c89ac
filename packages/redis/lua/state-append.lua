--[[
  Writes an event that no count causes into its app's outbox.

  KEYS[1]  {tag}:lease  only tells where to run
  ARGV[5]  the app
  ARGV[6]  the event as JSON
  Returns  1; 0 if the outbox is full
]]
return emit(ARGV[5], 'e', ARGV[6]) and 1 or 0
