import { stateTiming } from '@fanfare/core';
import {
  FUZZ_CHANNELS,
  FUZZ_USERS,
  type FuzzStore,
  type OpenFuzzStore,
} from '@fanfare/core/contract';
import type { ChannelKey } from '@fanfare/protocol';
import { CommandLink } from '../src/command-link.ts';
import { connectOptions } from '../src/connect-options.ts';
import { createBusCounters } from '../src/counters.ts';
import { PARTITIONS, partitionOf, tagOf } from '../src/partitions.ts';
import { createRedisOutbox } from '../src/redis-outbox.ts';
import { createRedisShares } from '../src/redis-shares.ts';
import { createRedisStateReader } from '../src/redis-state-reader.ts';
import { createRedisUsers } from '../src/redis-users.ts';
import { StateCaller } from '../src/state-caller.ts';
import { readStateScripts } from '../src/state-scripts.ts';
import { key, optionsFor } from './bus-under-test.ts';
import type { RedisServer } from './redis-server.ts';

export interface RedisFuzz extends AsyncDisposable {
  readonly open: OpenFuzzStore;
}

/** Runs at the same time share a server and are kept apart by their partitions. */
export async function openRedisFuzz(
  server: RedisServer,
  edit: (text: string) => string = (text) => text,
): Promise<RedisFuzz> {
  const scripts = readStateScripts(edit);
  let link: CommandLink | undefined;
  await new Promise<void>((resolve, reject) => {
    const options = {
      // The machine may be busy; what is late here is late by the seed.
      ...connectOptions(optionsFor(server.url, { commandMs: 30_000 })),
      counters: createBusCounters(),
      scripts: Object.values(scripts),
    };
    link = new CommandLink(options, { onUp: () => resolve(), onRefused: reject });
  });
  if (link === undefined) throw new Error('no link');
  const shared = link;
  let runs = 0;
  const open: OpenFuzzStore = async (nowMs, limits) => {
    runs += 1;
    const partition = runs % PARTITIONS;
    const caller = new StateCaller(shared, { scripts, timing: stateTiming, limits, nowMs });
    const state = {
      ...createRedisShares(caller),
      ...createRedisStateReader(caller, 1_000),
      ...createRedisUsers(caller),
      ...createRedisOutbox(caller),
    };
    const tag = `{${tagOf(partition)}}:`;
    const run = async (script: string): Promise<void> => {
      await server.client.eval(script, 0, tag);
    };
    const store: FuzzStore = {
      state,
      partition,
      channels: channelsOf(partition, 'channel-', FUZZ_CHANNELS),
      users: channelsOf(partition, '#server-to-user-', FUZZ_USERS),
      snapshot: () => run(SNAPSHOT),
      restore: () => run(RESTORE),
      wipe: () => run(WIPE),
      [Symbol.asyncDispose]: () => run(WIPE),
    };
    await run(WIPE);
    return store;
  };
  return { open, [Symbol.asyncDispose]: () => shared[Symbol.asyncDispose]() };
}

function channelsOf(partition: number, prefix: string, count: number): readonly ChannelKey[] {
  const found: ChannelKey[] = [];
  for (let index = 0; found.length < count; index += 1) {
    const channel = key(`${prefix}${index}`);
    if (partitionOf(channel) === partition) found.push(channel);
  }
  // In the order of their names, as what is due at the same time is looked at.
  return found.toSorted();
}

const WIPE = `
  for _, name in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do redis.call('DEL', name) end
`;
const SNAPSHOT = `
  for _, name in ipairs(redis.call('KEYS', 'kept:' .. ARGV[1] .. '*')) do redis.call('DEL', name) end
  for _, name in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do redis.call('COPY', name, 'kept:' .. name) end
`;
const RESTORE = `${WIPE}
  for _, name in ipairs(redis.call('KEYS', 'kept:' .. ARGV[1] .. '*')) do
    redis.call('COPY', name, string.sub(name, 6))
  end
`;
