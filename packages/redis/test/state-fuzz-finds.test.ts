import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { fuzzFindsFault } from '@fanfare/core/contract';
import { openRedisFuzz } from './redis-fuzz-store.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());

/** What a careless change of the scripts could do, and the mode that must notice. */
const BREAKAGES = [
  {
    name: 'a fenced incarnation may still report',
    mode: 'crash',
    old: "if not redis.call('ZSCORE', lease, incarnation) then\n  return false\nend\nlocal held",
    new: 'local held',
  },
  {
    name: 'a lease that ran out is fenced whatever else is wrong',
    mode: 'stall',
    old: 'if doubtful then',
    new: 'if doubtful and false then',
  },
  {
    name: 'nobody is doubted once the first are back',
    mode: 'stall',
    old: 'if since > lease_ms / 2 or hold',
    new: 'if hold',
  },
  {
    name: 'a heartbeat hides that there was no sign of life',
    mode: 'aloneStall',
    old: `local hold, polled, telling = watch(lease_ms, tonumber(ARGV[4]))
redis.call('ZADD'`,
    new: `redis.call('HSET', meta, 'alive', now)
local hold, polled, telling = watch(lease_ms, tonumber(ARGV[4]))
redis.call('ZADD'`,
  },
  {
    name: 'nobody hears when a lease runs out',
    mode: 'alone',
    old: 'or first_score(lease) or math.huge',
    new: 'or math.huge',
  },
  {
    name: 'nobody hears that a doubt is over',
    mode: 'alone',
    old: 'local at = hold > 0 and hold or first_score(lease)',
    new: 'local at = hold == 0 and first_score(lease)',
  },
  {
    name: 'a late report is taken',
    mode: 'network',
    old: `if version <= known then
  return 1
end
if tonumber(ARGV[7]) > known then
  return 0
end
redis.call('HSET', held, '@v', version)`,
    new: "redis.call('HSET', held, '@v', math.max(version, known))",
  },
  {
    name: 'a report is taken though the store has lost what came before',
    mode: 'failover',
    old: 'if tonumber(ARGV[7]) > known then\n  return 0\nend',
    new: '',
  },
  {
    name: 'a report adds up what it says',
    mode: 'network',
    old: 'total = count_channel(channel, change)',
    new: 'total = count_channel(channel, count)',
  },
  {
    name: 'an event that finds no room counts as told',
    mode: 'full',
    old: '>= unrouted_max then\n    return false',
    new: '>= unrouted_max then\n    return true',
  },
  {
    name: 'what is due is forgotten when the outbox is full',
    mode: 'full',
    old: "redis.call('ZADD', due, now + retry_delay, subject)",
    new: 'local _ = retry_delay',
  },
  {
    name: 'a join counts for its member first',
    mode: 'network',
    old: '    take(held, 9)\n    take(held, 13)\n',
    new: '    take(held, 13)\n    take(held, 9)\n',
  },
  {
    name: 'a member is told whatever its channel waits for',
    mode: 'full',
    old: 'if up and user and is_up(own)',
    new: 'if up and false and is_up(own)',
  },
  {
    name: 'a channel goes whatever its members wait for',
    mode: 'full',
    old: 'if early or not emit',
    new: 'if not emit',
  },
  {
    name: 'what finds its lane full is forgotten',
    mode: 'full',
    old: 'bury(lane, id, fields, ARGV[7], ARGV[8], ARGV[9])',
    new: '',
  },
  {
    name: 'a count that finds no room is forgotten',
    mode: 'full',
    old: "redis.call('ZADD', tells, now + retry_delay, channel)",
    new: '',
  },
  {
    name: 'nobody hears what a dead edge takes away from a count',
    mode: 'crash',
    old: 'if to > 0 and not user then',
    new: 'if false then',
  },
  {
    name: 'a count is told as it was when its app last heard it',
    mode: 'network',
    old: "'n', total) then",
    new: "'n', math.max(heard, 1)) then",
  },
  {
    name: 'a lane gives up what its claim has not seen',
    mode: 'network',
    old: "redis.call('XTRIM', events, 'MINID', id_behind(ARGV[4]))",
    new: "redis.call('DEL', events)",
  },
] as const;

describe('State fuzz: of scripts that were broken on purpose', () => {
  for (const { name, mode, old, new: broken } of BREAKAGES) {
    it(`notices that ${name}`, async () => {
      let edited = 0;
      const edit = (text: string): string => {
        if (text.includes(old)) edited += 1;
        return text.replace(old, broken);
      };
      await using redis = await openRedisFuzz(server, edit);
      const found = await fuzzFindsFault(redis.open, mode, { seeds: 100, atOnce: 4 });
      assert.ok(edited > 0, 'the script does not read like that any more');
      assert.ok(found, 'no seed noticed');
    });
  }
});
