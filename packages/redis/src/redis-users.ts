import { TERMINATION_MS, type UserReader, type UserTerminator } from '@fanfare/core';
import type { ChannelKey } from '@fanfare/protocol';
import type { ChainableCommander } from 'ioredis';
import { countsKey, metaKey, terminationKey } from './keys.ts';
import { partitionOf } from './partitions.ts';
import { asNumber } from './reply.ts';
import type { StateCaller } from './state-caller.ts';

/** Users read in one pipeline. */
const BATCH = 500;

export function createRedisUsers(caller: StateCaller): UserReader & UserTerminator {
  return {
    async online(users) {
      const replies = await read(caller, users, (pipeline, user) => {
        // The version first: a change in between is told once more, and changes nothing then.
        pipeline.hget(metaKey(user), 'roster').hget(countsKey(user), user);
      });
      return users.map((_, at) => ({
        version: asNumber(replies[2 * at] ?? 0),
        online: asNumber(replies[2 * at + 1] ?? 0) > 0,
      }));
    },

    async terminations(users) {
      const replies = await read(caller, users, (pipeline, user) => {
        pipeline.get(terminationKey(user));
      });
      return replies.map((reply) => asNumber(reply ?? 0));
    },

    async terminate(user) {
      const { terminate } = caller.options.scripts;
      return asNumber(await caller.call(terminate, partitionOf(user), user, TERMINATION_MS));
    },
  };
}

async function read(
  caller: StateCaller,
  users: readonly ChannelKey[],
  add: (pipeline: ChainableCommander, user: ChannelKey) => void,
): Promise<readonly unknown[]> {
  const batches = Array.from({ length: Math.ceil(users.length / BATCH) }, (_, at) =>
    users.slice(at * BATCH, (at + 1) * BATCH),
  );
  const replies = batches.map(async (batch) =>
    caller.pipeline((pipeline) => {
      for (const user of batch) add(pipeline, user);
    }),
  );
  return (await Promise.all(replies)).flat();
}
