--[[
  Tends a partition for an edge, which was told that there is something to do.

  KEYS[1]  {tag}:lease  zset, incarnation -> when its lease runs out
  ARGV[5]  five arguments as in state-upkeep
  Returns  how many subjects were looked at, incarnations fenced and shares taken away; and in how
           many milliseconds to come again, and in how many the next count is due; -1 if nothing is
           known that would need it
]]
local hold, polled, telling = watch(lease_ms, guard_ms)
local reconciled, fenced, reaped, left = tend(hold, true, telling)
local tell_at = telling and first_score(tag .. 'tells')
local tell_in = tell_at and math.max(tell_at - now, 0) or -1
return { reconciled, fenced, reaped, tend_in(left, polled, tombstone_ms, tell_at), tell_in }
