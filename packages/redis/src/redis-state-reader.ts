import { subjectKey, type RosterReader, type ShareReader, type StateReader } from '@fanfare/core';
import type { AppId, ChannelKey, ChannelName } from '@fanfare/protocol';
import { countsKey, holdingsKey, membersKey, occupiedKey } from './keys.ts';
import { PARTITIONS, partitionOf } from './partitions.ts';
import { parseRoster } from './redis-shares.ts';
import { asList, asNumber, asText } from './reply.ts';
import type { StateCaller } from './state-caller.ts';

/** Channels asked for in one pipeline. */
const BATCH = 500;
/** Partitions listed in one pipeline: an app with very many channels is read until there are enough. */
const PARTITIONS_AT_ONCE = 64;

/** Plain reads: an answer is as fresh as the last report, and no edge is asked. */
export function createRedisStateReader(
  caller: StateCaller,
  channelsMax: number,
): StateReader & ShareReader & RosterReader {
  return {
    async counts(channels) {
      const batches = Array.from({ length: Math.ceil(channels.length / BATCH) }, (_, at) =>
        channels.slice(at * BATCH, (at + 1) * BATCH),
      );
      return (await Promise.all(batches.map((batch) => countsOf(caller, batch)))).flat();
    },

    async elsewhere(partition, incarnation, channels) {
      // Each pair goes out together, so nothing of ours comes between its halves.
      const replies = await caller.pipeline((pipeline) => {
        const held = holdingsKey(partition, incarnation ?? '');
        for (const channel of channels)
          pipeline
            .hget(countsKey(channel), channel)
            .hget(held, subjectKey({ kind: 'channel', channel }));
      });
      const figures = replies.map((reply) => asNumber(reply ?? 0));
      return channels.map((_, at) => (figures[2 * at] ?? 0) - (figures[2 * at + 1] ?? 0));
    },

    async occupied(app, prefix) {
      let found: readonly ChannelName[] = [];
      for (let start = 0; start < PARTITIONS; start += PARTITIONS_AT_ONCE) {
        const max = channelsMax - found.length;
        if (max <= 0) break;
        // oxlint-disable-next-line no-await-in-loop -- how many are still wanted depends on the answer
        found = [...found, ...(await occupiedFrom(caller, start, app, prefix, max))];
      }
      return found.slice(0, channelsMax);
    },

    async users(channel) {
      const [reply] = await caller.pipeline((pipeline) => pipeline.hkeys(membersKey(channel)));
      return asList(reply).map(asText);
    },

    async roster(channel) {
      const { roster } = caller.options.scripts;
      return parseRoster(await caller.call(roster, partitionOf(channel), channel));
    },
  };
}

async function countsOf(
  caller: StateCaller,
  channels: readonly ChannelKey[],
): Promise<readonly { readonly subscriptions: number; readonly users: number }[]> {
  const replies = await caller.pipeline((pipeline) => {
    for (const channel of channels)
      pipeline.hget(countsKey(channel), channel).hlen(membersKey(channel));
  });
  return channels.map((_, at) => ({
    subscriptions: asNumber(replies[2 * at] ?? 0),
    users: asNumber(replies[2 * at + 1]),
  }));
}

async function occupiedFrom(
  caller: StateCaller,
  start: number,
  app: AppId,
  prefix: string,
  max: number,
): Promise<readonly ChannelName[]> {
  // No UTF-8 has the byte 255, so this stands behind every name that begins with the prefix.
  const last = Buffer.concat([Buffer.from(`[${prefix}`), Buffer.from([0xff])]);
  const end = Math.min(start + PARTITIONS_AT_ONCE, PARTITIONS);
  const replies = await caller.pipeline((pipeline) => {
    for (let partition = start; partition < end; partition += 1)
      pipeline.zrangebylex(occupiedKey(partition, app), `[${prefix}`, last, 'LIMIT', 0, max);
  });
  return replies.flatMap((reply) => asList(reply).map((name) => asText(name) as ChannelName)); // oxlint-disable-line typescript/no-unsafe-type-assertion -- only names of channels are written there
}
