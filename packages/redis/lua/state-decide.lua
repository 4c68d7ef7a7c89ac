--[[
  How a share changes a total, and how a total becomes an event. The loader puts this file between
  state-names and the scripts that count; @fanfare/core's MemoryPartition is the same in TypeScript.

  Nothing here can count twice or forget: one incarnation's count and the total change by the same
  difference in the same step, and what the app was told flips in the step that writes the event.

  KEYS[1]  {tag}:lease  as in state-names
  ARGV[2]  how long a subject must be down before the app hears of it, in milliseconds
  ARGV[3]  how many events of one app may wait to be routed
  ARGV[4]  after how many milliseconds an event that found no room is tried again
  Returns  nothing; the script that follows does
]]
local down_delay, unrouted_max, retry_delay = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local function parse(subject)
  local channel = string.match(subject, '^c\t(.*)$')
  if channel then
    return channel, nil
  end
  return string.match(subject, '^m\t([^\t]*)\t(.*)$')
end

local function app_of(channel)
  return string.match(channel, '^[^/]*')
end

-- Ids are the partition's own and only grow, even if the clock goes back. False when there is no room.
local function emit(app, ...)
  if redis.call('XLEN', outbox(app)) >= unrouted_max then
    return false
  end
  local last = redis.call('HMGET', meta, 'id_ms', 'id_sequence')
  local ms, sequence = number(last[1]), number(last[2]) + 1
  if now > ms then
    ms, sequence = now, 0
  end
  redis.call('HSET', meta, 'id_ms', ms, 'id_sequence', sequence)
  redis.call('XADD', outbox(app), string.format('%.0f-%.0f', ms, sequence), 't', now, ...)
  redis.call('SADD', apps, app)
  return true
end

local function is_up(subject)
  local channel, user = parse(subject)
  if user then
    return redis.call('HEXISTS', tag .. 'm:' .. channel, user) == 1
  end
  return redis.call('HEXISTS', counts, channel) == 1
end

-- Takes note of what the app was told; of each channel, how many members it was told to be in.
local function believe(subject, up)
  local changed = redis.call(up and 'SADD' or 'SREM', told, subject)
  local channel, user = parse(subject)
  if user and changed == 1 and redis.call('HINCRBY', told_members, channel, up and 1 or -1) <= 0 then
    redis.call('HDEL', told_members, channel)
  end
end

-- Compares one subject with what the app was told, and tells the difference. A channel that comes
-- is told before its first member, whatever kept it waiting; one that goes, after its last.
local function reconcile(subject)
  local up = is_up(subject)
  if up == (redis.call('SISMEMBER', told, subject) == 1) then
    return
  end
  local channel, user = parse(subject)
  local own = 'c\t' .. channel
  if up and user and is_up(own) and redis.call('ZREM', due, own) == 1 then
    reconcile(own)
  end
  -- Nobody is in it any more, and the app has yet to hear so of some.
  local early = not up
    and not user
    and redis.call('HEXISTS', told_members, channel) == 1
    and redis.call('EXISTS', tag .. 'm:' .. channel) == 0
  if early or not emit(app_of(channel), 's', subject, 'u', up and '1' or '0') then
    redis.call('ZADD', due, now + retry_delay, subject)
  else
    believe(subject, up)
  end
end

local grace_until
local function in_grace()
  grace_until = grace_until or number(redis.call('HGET', meta, 'grace'))
  return grace_until > now
end

local function look_again(subject, at)
  redis.call('ZADD', due, in_grace() and math.max(grace_until, at) or at, subject)
end

local function came_up(subject)
  if in_grace() then
    return look_again(subject, now)
  end
  redis.call('ZREM', due, subject)
  reconcile(subject)
end

-- Versions start from the clock and are the partition's, so that a roster that was forgotten in
-- between never counts back. The message is read by src/roster-change.ts.
local function step_roster(channel, sign, user, info)
  local from = redis.call('HGET', rosters, channel) or '0'
  local version = math.max(number(redis.call('HGET', meta, 'roster')) + 1, now * 1000)
  local text = string.format('%.0f', version)
  redis.call('HSET', meta, 'roster', text)
  if redis.call('EXISTS', tag .. 'm:' .. channel) == 1 then
    redis.call('HSET', rosters, channel, text)
  else
    redis.call('HDEL', rosters, channel)
  end
  redis.call('SPUBLISH', tag .. 'pe:' .. channel, from .. ':' .. text .. ':' .. sign .. ':' .. #user .. '\n' .. user .. info)
end

-- A user's own channel is in no list; whoever watches the user hears of it as of a roster that nobody is in.
local function count_channel(channel, change)
  local total = redis.call('HINCRBY', counts, channel, change)
  if total <= 0 then
    redis.call('HDEL', counts, channel)
  end
  if (total > 0) == (total - change > 0) then
    return total
  end
  local app = app_of(channel)
  local name = string.sub(channel, #app + 2)
  if string.sub(name, 1, 16) == '#server-to-user-' then
    step_roster(channel, total > 0 and '+' or '-', '', '')
  elseif total > 0 then
    redis.call('ZADD', tag .. 'ix:' .. app, 0, name)
  else
    redis.call('ZREM', tag .. 'ix:' .. app, name)
  end
  return total
end

local function count_member(channel, user, change, info)
  local members, infos = tag .. 'm:' .. channel, tag .. 'i:' .. channel
  local total = redis.call('HINCRBY', members, user, change)
  if total > 0 and total - change <= 0 then
    if info ~= '' then
      redis.call('HSET', infos, user, info)
    end
    step_roster(channel, '+', user, info)
  elseif total <= 0 then
    redis.call('HDEL', members, user)
    redis.call('HDEL', infos, user)
    step_roster(channel, '-', user, '')
  end
  return total
end

-- Who hears of counts; of state-counts, which stands behind this file.
local counting

-- The only place that changes a total: by what one incarnation's share changed. Returns the new one;
-- nil if it did not change.
local function apply(held, subject, count, info, wanted)
  local change = count - number(redis.call('HGET', held, subject))
  if change == 0 then
    return nil
  end
  if count > 0 then
    redis.call('HSET', held, subject, count)
  else
    redis.call('HDEL', held, subject)
  end
  local channel, user = parse(subject)
  local total
  if user then
    total = count_member(channel, user, change, info)
  else
    total = count_channel(channel, change)
  end
  if total > 0 and total - change <= 0 and wanted then
    came_up(subject)
  elseif total <= 0 and redis.call('SISMEMBER', told, subject) == 1 then
    -- The last member's departure is told before the channel's; what is due at once goes by name.
    look_again(subject, now + down_delay + (user and 0 or 1))
  end
  return total
end

-- One share of a report: subject, count, info and flags, which add up 1 (the app wants to hear that
-- it is there), 2 (adopted), 4 (its subscribers want to hear the count), 8 (the app does) and
-- 16 (somebody has not heard it yet).
local function take(held, at)
  local subject, count, flags = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])
  if flags % 4 >= 2 then
    believe(subject, true)
    if count == 0 then
      look_again(subject, now + down_delay)
    end
  end
  local total = apply(held, subject, count, ARGV[at + 2], flags % 2 == 1)
  if flags >= 4 then
    if total or flags >= 16 then
      counting().want((parse(subject)), math.floor(flags / 4) % 4)
    end
  elseif total == 0 and string.sub(subject, 1, 2) == 'c\t' then
    -- Somebody may have wanted to hear the count who is no more.
    redis.call('HDEL', tag .. 'counted', string.sub(subject, 3))
  end
end

-- Takes away what a fenced incarnation held, as far as one step may go. A share is removed in the
-- step that subtracts it, so a second reaper finds nothing. The cursor is kept because a scan that
-- began anew each time would walk over what it has emptied before.
local function drain_shares(incarnation, max)
  local held, done = holdings(incarnation), 0
  local counted = redis.call('EXISTS', tag .. 'counted') == 1
  local cursor = redis.call('HGET', drain, incarnation) or '0'
  for _ = 1, 20 do
    if done >= max or redis.call('HLEN', held) <= 1 then
      break
    end
    local scanned = redis.call('HSCAN', held, cursor, 'COUNT', max)
    local subjects = {}
    for at = 1, #scanned[2], 2 do
      if scanned[2][at] ~= '@v' then
        subjects[#subjects + 1] = scanned[2][at]
      end
    end
    for at = 1, math.min(#subjects, max - done) do
      apply(held, subjects[at], 0, '', false)
      if counted then
        counting().taken_away(subjects[at])
      end
    end
    -- A small hash is scanned whole, whatever the count: what is left of it is found at the same place.
    if done + #subjects <= max then
      cursor = scanned[1]
    end
    done = math.min(done + #subjects, max)
  end
  if redis.call('HLEN', held) <= 1 then
    redis.call('DEL', held)
    redis.call('HDEL', drain, incarnation)
  else
    redis.call('HSET', drain, incarnation, cursor)
  end
  return done
end

local function fence(incarnation)
  redis.call('ZREM', lease, incarnation)
  redis.call('ZADD', dead, now, incarnation)
  redis.call('HSET', drain, incarnation, '0')
end
