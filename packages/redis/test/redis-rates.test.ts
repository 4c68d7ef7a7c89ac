import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { appSchema, type App } from '@fanfare/core';
import { limitsContract } from '@fanfare/core/contract';
import { openRedisState } from '../src/redis-state.ts';
import { optionsFor } from './bus-under-test.ts';
import { startClusterNode, startRedis, type RedisServer } from './redis-server.ts';

const server = await startRedis();
// A node that holds every slot of a cluster refuses any script whose names hash to two of them.
const node = await startClusterNode();
after(async () => {
  await server[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});
contractOn('redis', server);
contractOn('redis as a cluster node', node);

function contractOn(name: string, { client, url }: RedisServer): void {
  limitsContract(name, async (nowMs) => {
    await client.flushall();
    const nodes = [
      await openRedisState({ ...optionsFor(url), nowMs }),
      await openRedisState({ ...optionsFor(url), nowMs }),
    ] as const;
    return {
      nodes,
      async [Symbol.asyncDispose]() {
        for (const each of nodes) await each[Symbol.asyncDispose]();
      },
    };
  });
}

function appWith(maxTriggersPerSecond: number): App {
  return appSchema.parse({
    id: '1001',
    keys: [{ key: 'k', secret: 's' }],
    limits: { maxTriggersPerSecond },
  });
}

/** Scripts that were run since the figures were last reset. */
async function scriptsRun({ client }: RedisServer): Promise<number> {
  const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats')) ?? [];
  return Number(calls ?? 0);
}

describe('Rates on Redis', () => {
  for (const rate of [1, 10, 1_000, 100_000])
    it(`[LM9] at ${rate} in a second a node asks Redis at most twenty times in that second`, async () => {
      await server.client.flushall();
      let now = 1_700_000_000_000;
      await using state = await openRedisState({ ...optionsFor(server.url), nowMs: () => now });
      const app = appWith(rate);
      for (let second = 0; second < 3; second += 1) {
        await server.client.config('RESETSTAT');
        for (let step = 0; step < 100; step += 1) {
          const atOnce = Math.max(2, rate / 20);
          await Promise.all(Array.from({ length: atOnce }, () => state.take(app, 'triggers', 1)));
          now += 10;
        }
        const asked = await scriptsRun(server);
        // A second's worth was there before the first one began.
        assert.ok(asked <= (second === 0 ? 21 : 11), `asked ${asked} times in second ${second}`);
      }
    });

  it('[LM9] what a node has fetched and not spent is given up after a second', async () => {
    await server.client.flushall();
    let now = 1_700_000_000_000;
    await using state = await openRedisState({ ...optionsFor(server.url), nowMs: () => now });
    const app = appWith(100);
    assert.equal((await state.take(app, 'triggers', 1)).ok, true);
    await server.client.config('RESETSTAT');
    now += 999;
    assert.equal((await state.take(app, 'triggers', 1)).ok, true);
    assert.equal(await scriptsRun(server), 0);
    now += 1;
    assert.equal((await state.take(app, 'triggers', 1)).ok, true);
    assert.equal(await scriptsRun(server), 1);
  });

  it('[LM9] a rate leaves nothing behind in Redis', async () => {
    await server.client.flushall();
    await using state = await openRedisState(optionsFor(server.url));
    assert.equal((await state.take(appWith(10), 'triggers', 10)).ok, true);
    const key = (await server.client.keys('*')).find((name) => name.includes(':rate:'));
    assert.match(key ?? '', /^\{.+\}:rate:1001\/triggers$/);
    const left = await server.client.pttl(key ?? '');
    assert.ok(left > 0 && left <= 2_000, `${left} ms`);
  });

  it('[LM10] while Redis is away a node allows the whole rate by itself, and rejects nothing', async () => {
    const own = await startRedis();
    await using state = await openRedisState(optionsFor(own.url));
    const app = appWith(5);
    assert.equal((await state.take(app, 'triggers', 5)).ok, true);
    await own[Symbol.asyncDispose]();
    const taken: boolean[] = [];
    // The refusal of a moment ago may still stand; what counts is the second after it.
    await waited(1_000);
    for (let at = 0; at < 8; at += 1) taken.push((await state.take(app, 'triggers', 1)).ok);
    assert.deepEqual(taken, [true, true, true, true, true, false, false, false]);
  });

  it('[LM10] a Redis that does not answer costs one request the time of a call, not each', async () => {
    const own = await startRedis();
    await using state = await openRedisState({
      ...optionsFor(own.url),
      limits: { commandMs: 200 },
    });
    const app = appWith(1_000);
    await own.client.call('CLIENT', 'PAUSE', '3000', 'ALL');
    const begun = performance.now();
    for (let at = 0; at < 50; at += 1)
      assert.equal((await state.take(app, 'triggers', 1)).ok, true);
    const tookMs = performance.now() - begun;
    assert.ok(tookMs < 1_000, `${Math.round(tookMs)} ms`);
    await own[Symbol.asyncDispose]();
  });

  it('[LM10] a closed store rejects nothing either', async () => {
    const state = await openRedisState(optionsFor(server.url));
    await state[Symbol.asyncDispose]();
    assert.equal((await state.take(appWith(5), 'triggers', 1)).ok, true);
  });
});

async function waited(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
