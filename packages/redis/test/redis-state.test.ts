import { after } from 'node:test';
import type { OutboxLimits, RosterChange } from '@fanfare/core';
import { stateContract, type StateUnderTest } from '@fanfare/core/contract';
import { openRedisRosterFeed } from '../src/redis-roster-feed.ts';
import { openRedisState } from '../src/redis-state.ts';
import { optionsFor } from './bus-under-test.ts';
import { Inbox } from './inbox.ts';
import { startClusterNode, startRedis, type RedisServer } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
stateContract('redis', (nowMs, limits) => openState(server, nowMs, limits));

// A node that holds every slot of a cluster refuses any script whose names hash to two of them.
const node = await startClusterNode();
after(() => node[Symbol.asyncDispose]());
stateContract('redis as a cluster node', (nowMs, limits) => openState(node, nowMs, limits));

async function openState(
  { client, url }: RedisServer,
  nowMs: () => number,
  outboxLimits: OutboxLimits,
): Promise<StateUnderTest> {
  await client.flushall();
  const state = await openRedisState({ ...optionsFor(url), nowMs, outboxLimits });
  const closing: AsyncDisposable[] = [state];
  return {
    state,
    async wipe() {
      await client.flushall();
    },
    async follow(channel) {
      const changes = new Inbox<RosterChange>('change of the roster');
      const feed = await openRedisRosterFeed(optionsFor(url), {
        onChange: (_, change) => changes.push(change),
        onCount: () => undefined,
        onGap: () => undefined,
      });
      closing.push(feed);
      await feed.subscribe(channel);
      return () => changes.next();
    },
    async followCounts(channel) {
      const counts = new Inbox<number>('count');
      const feed = await openRedisRosterFeed(optionsFor(url), {
        onChange: () => undefined,
        onCount: (_, count) => counts.push(count),
        onGap: () => undefined,
      });
      closing.push(feed);
      await feed.subscribe(channel);
      return () => counts.next();
    },
    async [Symbol.asyncDispose]() {
      for (const each of closing) await each[Symbol.asyncDispose]();
    },
  };
}
