import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { openRedisPublisher } from '../src/index.ts';
import { historyKey, layoutKey, onceKey, topicOf } from '../src/keys.ts';
import { assertFails, key, keys, message, openBus, optionsFor } from './bus-under-test.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
const { client } = server;
const lobby = key('lobby');

describe('What publish leaves in Redis', () => {
  beforeEach(async () => {
    await client.flushall();
  });

  it('[RB3] a recorded message is stored under the next number of its channel’s epoch', async () => {
    await using one = await openRedisPublisher(optionsFor(server.url));
    await using two = await openRedisPublisher(optionsFor(server.url));
    await one.publish([message({ id: 'a', frame: 'first' })]);
    await two.publish([message({ id: 'b', frame: 'second\n' }), message({ id: 'c', frame: '' })]);
    await one.publish([message({ id: 'd', channel: key('other') })]);
    const stored = (await client.lrange(historyKey(lobby), 0, -1)).toReversed();
    const epoch = stored[0]?.split(':')[0] ?? '';
    assert.match(epoch, /^[\w.-]+$/);
    assert.deepEqual(stored, [
      `${epoch}:1:a::\nfirst`,
      `${epoch}:2:b::\nsecond\n`,
      `${epoch}:3:c::\n`,
    ]);
    const [other] = await client.lrange(historyKey(key('other')), 0, -1);
    assert.match(other ?? '', /^[\w.-]+:1:d::\n/);
    assert.ok(!other?.startsWith(`${epoch}:`), 'two channels share an epoch');
  });

  it('[RB3] subscribers receive what is stored', async () => {
    await using publisher = await openRedisPublisher(optionsFor(server.url));
    const subscriber = client.duplicate();
    const arrival = new Promise<string>((resolve) => {
      subscriber.once('smessage', (_topic: string, text: string) => resolve(text));
    });
    await subscriber.ssubscribe(topicOf(lobby));
    await publisher.publish([message()]);
    assert.equal(await arrival, await client.lindex(historyKey(lobby), 0));
    subscriber.disconnect();
  });

  it('[RB4] a channel whose history has run out begins a new epoch at 1', async () => {
    await using publisher = await openRedisPublisher(optionsFor(server.url));
    await publisher.publish([message(), message()]);
    const before = await client.lindex(historyKey(lobby), 0);
    await client.del(historyKey(lobby));
    await publisher.publish([message()]);
    const [epoch, seq] = (await client.lindex(historyKey(lobby), 0))?.split(':') ?? [];
    assert.equal(seq, '1');
    assert.notEqual(epoch, before?.split(':')[0]);
  });

  it('[RB5] the history keeps the last 32 messages, newest first', async () => {
    await using publisher = await openRedisPublisher(optionsFor(server.url));
    const ids = Array.from({ length: 33 }, (_, index) => `m${index}`);
    await publisher.publish(ids.slice(0, 32).map((id) => message({ id })));
    assert.equal(await client.llen(historyKey(lobby)), 32);
    await publisher.publish([message({ id: 'm32' })]);
    const stored = await client.lrange(historyKey(lobby), 0, -1);
    assert.deepEqual(
      stored.map((envelope) => envelope.split(':')[2]),
      ids.slice(1).toReversed(),
    );
  });

  it('[RB6] every key but the layout’s has a lifetime: 60 s for a history, 120 s for a taken id', async () => {
    await using under = await openBus(server.url);
    for (const channel of keys(20)) {
      await under.bus.subscribe(channel);
      await under.bus.publish([
        message({ channel }),
        message({ channel, once: true, id: 'order-7' }),
        message({ channel, recorded: false }),
      ]);
    }
    const left = new Map<string, number>();
    for (const name of await client.keys('*')) left.set(name, await client.pttl(name));
    assert.equal(left.get(layoutKey), -1);
    left.delete(layoutKey);
    for (const channel of keys(20)) {
      assertAround(left.get(historyKey(channel)), 60_000);
      assertAround(left.get(onceKey(channel, 'order-7')), 120_000);
      left.delete(historyKey(channel));
      left.delete(onceKey(channel, 'order-7'));
    }
    assert.deepEqual([...left.keys()], []);
  });

  it('[RB6] each message prolongs the history', async () => {
    await using publisher = await openRedisPublisher(optionsFor(server.url));
    await publisher.publish([message()]);
    await client.pexpire(historyKey(lobby), 5_000);
    await publisher.publish([message()]);
    assertAround(await client.pttl(historyKey(lobby)), 60_000);
  });

  it('[RB7] an unrecorded message has no place in the sequence and leaves nothing behind', async () => {
    await using publisher = await openRedisPublisher(optionsFor(server.url));
    const subscriber = client.duplicate();
    const arrival = new Promise<string>((resolve) => {
      subscriber.once('smessage', (_topic: string, text: string) => resolve(text));
    });
    await subscriber.ssubscribe(topicOf(lobby));
    await publisher.publish([message({ id: 'typing', frame: 'x', recorded: false })]);
    assert.equal(await arrival, '0:0:typing::\nx');
    assert.deepEqual(await client.keys('{*'), []);
    subscriber.disconnect();
  });

  it('[BU6] an unrecorded message is taken once too, and without a history', async () => {
    await using under = await openBus(server.url);
    await under.bus.subscribe(lobby);
    const repeated = message({ id: 'once', recorded: false, once: true });
    await under.bus.publish([repeated, repeated, message({ frame: 'end', recorded: false })]);
    assert.equal((await under.heard.next()).frame, repeated.frame);
    assert.equal((await under.heard.next()).frame, 'end');
    assert.equal(await client.exists(historyKey(lobby)), 0);
  });

  it('[RB8] Redis refusing a message rejects the publish, and the others of the call are taken', async () => {
    await using under = await openBus(server.url);
    const broken = key('broken');
    await under.bus.subscribe(lobby);
    await client.set(historyKey(broken), 'not a list');
    const call = under.bus.publish([
      message({ frame: 'before' }),
      message({ channel: broken }),
      message({ frame: 'after' }),
    ]);
    await assertFails(call, 'unavailable');
    assert.equal((await under.heard.next()).frame, 'before');
    assert.equal((await under.heard.next()).frame, 'after');
    assert.equal(under.counters.publishFailures, 1);
    assert.equal(under.counters.publishRetries, 0);
  });

  it('[RB9] what is published, handed out and held is counted', async () => {
    await using under = await openBus(server.url);
    await under.bus.subscribe(lobby);
    await under.bus.subscribe(key('other'));
    under.bus.unsubscribe(key('other'));
    await under.bus.publish([message({ frame: 'grüße' }), message({ frame: 'x' })]);
    await under.heard.take(2);
    const { published, publishedBytes, received, receivedBytes } = under.counters;
    assert.deepEqual([published, publishedBytes, received, receivedBytes], [2, 8, 2, 8]);
    assert.deepEqual([under.counters.topics, under.counters.topicsLingering], [1, 1]);
  });
});

function assertAround(foundMs: number | undefined, expectedMs: number): void {
  assert.ok(
    foundMs !== undefined && foundMs > expectedMs - 5_000 && foundMs <= expectedMs,
    `${foundMs} ms left, expected ${expectedMs}`,
  );
}
