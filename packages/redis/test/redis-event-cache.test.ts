import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { eventCacheContract, type OpenCaches } from '@fanfare/core/contract';
import { openRedisBus, openRedisPublisher } from '../src/index.ts';
import { cacheKey } from '../src/keys.ts';
import { assertFails, key, message, openBus, optionsFor } from './bus-under-test.ts';
import { startClusterNode, startRedis, type RedisServer } from './redis-server.ts';

const server = await startRedis();
// A node that holds every slot of a cluster refuses any script whose names hash to two of them.
const node = await startClusterNode();
after(() => Promise.all([server, node].map((each) => each[Symbol.asyncDispose]())));
eventCacheContract('redis', cachesOn(server));
eventCacheContract('redis as a cluster node', cachesOn(node));

function cachesOn({ client, url }: RedisServer): OpenCaches {
  return async ({ eventMs: cacheMs, missMs: cacheMissMs }) => {
    await client.flushall();
    const options = optionsFor(url, { cacheMs, cacheMissMs });
    return {
      open: (events) => openRedisBus(options, events),
      async [Symbol.asyncDispose]() {},
    };
  };
}

const { client } = server;
const prices = key('cache-prices');

describe('What a cache channel keeps in Redis', () => {
  it('[CC10] is one key of the channel’s partition that goes by itself: an event after 30 minutes, a note of a miss after 5 s', async () => {
    await client.flushall();
    await using bus = await openRedisPublisher(optionsFor(server.url));
    await bus.recall(prices, false);
    assert.equal(await client.exists(cacheKey(prices)), 0);
    await bus.recall(prices, true);
    assertLeft(await client.pttl(cacheKey(prices)), 5_000);
    await bus.publish([message({ channel: prices, frame: 'x', id: 'm1' })]);
    assert.match((await client.get(cacheKey(prices))) ?? '', /^[\w.-]+:1:m1::\nx$/);
    assertLeft(await client.pttl(cacheKey(prices)), 1_800_000);
    await client.pexpire(cacheKey(prices), 10_000);
    await bus.publish([message({ channel: prices, frame: 'x', id: 'm2', once: true })]);
    assertLeft(await client.pttl(cacheKey(prices)), 1_800_000);
    const [tag = ''] = /^\{.*?\}/.exec(cacheKey(prices)) ?? [];
    const names = (await client.keys('*')).filter((name) => !name.startsWith(tag));
    assert.deepEqual(names, ['fanfare:layout']);
  });

  it('[CC11] is there before the event is delivered', async () => {
    await using under = await openBus(server.url);
    await under.bus.subscribe(prices);
    for (let round = 0; round < 50; round += 1) {
      const frame = `round ${round}`;
      void under.bus.publish([message({ channel: prices, frame })]);
      await under.heard.next();
      assert.equal((await under.bus.recall(prices, false)).event?.frame, frame);
    }
  });

  it('[CC12] another program’s bytes there are a miss that nobody is told of, until the next event', async () => {
    await using bus = await openRedisPublisher(optionsFor(server.url));
    await client.set(cacheKey(prices), 'not ours');
    assert.deepEqual(await bus.recall(prices, true), { event: undefined, isFirst: false });
    await bus.publish([message({ channel: prices, frame: 'ours' })]);
    assert.equal((await bus.recall(prices, true)).event?.frame, 'ours');
  });

  it('[CC13] cannot be read while Redis is away, and can be again afterwards, also by one that forgot its scripts', async () => {
    await using under = await openBus(server.url, { commandMs: 300 });
    await under.bus.publish([message({ channel: prices, frame: 'kept' })]);
    await client.script('FLUSH');
    assert.equal((await under.bus.recall(prices, true)).event?.frame, 'kept');
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    assert.equal(await under.ups.next(), false);
    await assertFails(under.bus.recall(prices, true), 'unavailable');
    assert.equal(await under.ups.next(), true);
    assert.equal((await under.bus.recall(prices, true)).event?.frame, 'kept');
  });
});

function assertLeft(foundMs: number, expectedMs: number): void {
  assert.ok(
    foundMs > expectedMs - 3_000 && foundMs <= expectedMs,
    `${foundMs} ms left, expected ${expectedMs}`,
  );
}
