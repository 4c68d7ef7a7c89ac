--[[
  Who hears how many subscriptions a channel has, and when. The loader puts this file behind
  state-decide; @fanfare/core's MemoryCounts is the same in TypeScript.

  All of it is made when it is first asked for: most steps have nothing to do with counts and are not
  to pay for them. That some wait to be told stands in meta, where those look who read it anyway.

  KEYS[1]  {tag}:lease  as in state-names
  Returns  nothing; the script that follows does
]]
-- For so long changes of a count gather; with a report's tick it is told within 250 ms.
local TELL_DELAY_MS = 200
-- Above so many subscriptions a count is told at most once in the interval.
local MANY, TELL_INTERVAL_MS = 100, 5000

local function make_counting()
  local counted, tells = tag .. 'counted', tag .. 'tells'
  -- When the first and the last of the counts that this step has set in motion are due.
  local made = { first = nil, last = nil }

  -- Whom a channel's count is told to (1 its subscribers, 2 the app, 3 both; 0 nobody), when it was
  -- last, and what the app knows.
  local function read(channel)
    local to, at, heard = string.match(redis.call('HGET', counted, channel) or '', '^(%d+):(%d+):(%d+)$')
    return number(to), number(at), number(heard)
  end

  local function write(channel, to, at, heard)
    redis.call('HSET', counted, channel, string.format('%.0f:%.0f:%.0f', to, at, heard))
  end

  -- Not sooner than a channel with many subscriptions may be told again.
  local function tell_at(channel, told_at, at)
    if number(redis.call('HGET', counts, channel)) > MANY then
      -- Bounded by the clock, which may have gone back.
      at = math.max(at, math.min(told_at, now) + TELL_INTERVAL_MS)
    end
    if in_grace() then
      at = math.max(at, grace_until)
    end
    redis.call('ZADD', tells, 'LT', at, channel)
    redis.call('HSET', meta, 'tells', '1')
    made.first, made.last = math.min(made.first or at, at), math.max(made.last or at, at)
  end

  -- The message is read by src/roster-change.ts.
  local function tell(channel)
    redis.call('ZREM', tells, channel)
    local to, told_at, heard = read(channel)
    if to == 0 then
      return
    end
    local total = number(redis.call('HGET', counts, channel))
    if total > MANY and told_at <= now and now < told_at + TELL_INTERVAL_MS then
      -- It has become many since this was set down.
      redis.call('ZADD', tells, told_at + TELL_INTERVAL_MS, channel)
      return
    end
    if to % 2 == 1 and total > 0 then
      redis.call('SPUBLISH', tag .. 'pe:' .. channel, 'n:' .. total)
    end
    if to < 2 or total == heard or emit(app_of(channel), 's', 'c\t' .. channel, 'n', total) then
      heard = total
    else
      redis.call('ZADD', tells, now + retry_delay, channel)
    end
    if total == 0 and heard == 0 then
      redis.call('HDEL', counted, channel)
    else
      write(channel, to, now, heard)
    end
  end

  -- Who wants to hear the channel's count has said so in a report.
  function made.want(channel, to)
    local known, told_at, heard = read(channel)
    if to ~= known then
      write(channel, to, told_at, heard)
    end
    tell_at(channel, told_at, now + TELL_DELAY_MS)
  end

  function made.taken_away(subject)
    local channel, user = parse(subject)
    local to, told_at = read(channel)
    if to > 0 and not user then
      tell_at(channel, told_at, now)
    end
  end

  function made.tell_due(max)
    for _, channel in ipairs(redis.call('ZRANGEBYSCORE', tells, '-inf', now, 'LIMIT', 0, max)) do
      tell(channel)
    end
    if redis.call('EXISTS', tells) == 0 then
      redis.call('HDEL', meta, 'tells')
    end
  end
  return made
end

local made
function counting()
  made = made or make_counting()
  return made
end

-- In how many milliseconds the first and the last of the counts are due that this step has set in motion.
local function tells_in()
  if made and made.last then
    return { made.first - now, made.last - now }
  end
end
