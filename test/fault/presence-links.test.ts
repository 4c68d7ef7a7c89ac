import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Bus, BusEvents } from '@fanfare/core';
import { eventFrame } from '@fanfare/protocol';
import {
  openRedisBus,
  openRedisPublisher,
  openRedisRosterFeed,
  openRedisState,
  type RedisBusOptions,
} from '@fanfare/redis';
import {
  channel,
  keyOf,
  startTestEdge,
  type EdgeUnderTest,
} from '../../packages/edge/test/edge-under-test.ts';
import { ROOM } from '../../packages/edge/test/presence-cluster.ts';
import { Crowd } from '../../packages/edge/test/presence-crowd.ts';
import { seeds, showSeed, type Chance } from '../../packages/edge/test/seeded.ts';
import { startLinkProxy, type LinkProxy } from '../../packages/redis/test/link-proxy.ts';
import { startRedis } from '../../packages/redis/test/redis-server.ts';
import { within } from '../support/deadline.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());

describe('members who come and go while the links of two edges to Redis break', () => {
  for (const seed of seeds([1, 2, 3]))
    it(`[FS12] every client always knows the roster, and all counts are right (seed ${seed})`, async (test) => {
      await server.client.flushall();
      await play(showSeed(test, seed));
    });
});

async function play(chance: Chance): Promise<void> {
  await using one = await openEdge();
  await using two = await openEdge();
  await using reader = await openRedisState(optionsFor(server.url));
  await using publisher = await openRedisPublisher(optionsFor(server.url));
  const edges = [one, two];
  const crowd = new Crowd(chance);
  await crowd.open(
    edges.map(({ edge }) => edge),
    12,
  );
  for (let step = 0; step < 500; step += 1) {
    if (chance.below(40) === 0)
      chance.of(edges).proxy.drop(chance.of(['commands', 'subscriber'] as const));
    await crowd.step();
  }
  await crowd.settle();
  const { truth, inside } = crowd;
  const counted = async (): Promise<void> => {
    for (;;) {
      const [counts] = await reader.counts([keyOf(ROOM)]);
      if (counts?.subscriptions === inside.length && counts.users === truth.size) return;
      await turn();
    }
  };
  await within(counted(), 10_000, () => 'the store does not know of everybody');
  // Nothing that was on its way may change what they know.
  for (const { edge } of edges) await edge.until(({ busUp }) => busUp === 1, 'the bus is up');
  const frame = eventFrame(channel(ROOM), 'marker', '');
  const marker = { channel: keyOf(ROOM), frame, except: null, recorded: true, once: false };
  await publisher.publish([{ ...marker, id: `marker-${Math.random()}` }]);
  for (const member of inside) assert.deepEqual(await member.rosterAt(frame), truth);
  assert.deepEqual(new Set(await reader.users(keyOf(ROOM))), truth);
  for (const { edge } of edges) assert.deepEqual(edge.closings, [], 'nobody was sent away');
  await crowd.leave();
}

interface LinkedEdge extends AsyncDisposable {
  readonly edge: EdgeUnderTest;
  readonly proxy: LinkProxy;
}

/** An edge whose every link to Redis goes through a proxy of its own. */
async function openEdge(): Promise<LinkedEdge> {
  const proxy = await startLinkProxy(server.port);
  const options = optionsFor(proxy.url);
  const store = await openRedisState(options);
  const edge = await startTestEdge({
    openBus: async (events: BusEvents): Promise<Bus> => openRedisBus(options, events),
    state: { store, openFeed: async (events) => openRedisRosterFeed(options, events) },
  });
  return {
    edge,
    proxy,
    async [Symbol.asyncDispose]() {
      await edge[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

function optionsFor(url: string): RedisBusOptions {
  return { url, connectionName: 'test', log: { info: quiet, warn: quiet, error: quiet } };
}

function quiet(): void {
  // Nothing listens.
}
