import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openRedisPublisher } from '../src/index.ts';
import { historyKey } from '../src/keys.ts';
import {
  assertFails,
  key,
  message,
  openBus,
  optionsFor,
  type BusUnderTest,
} from './bus-under-test.ts';
import { startLinkProxy } from './link-proxy.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
const lobby = key('lobby');

/** Long enough that only a reply or a broken connection ends a try, on however slow a machine. */
const patient = { publishMs: 10_000, commandMs: 10_000 };

describe('Publishing while something goes wrong', () => {
  for (const once of [false, true]) {
    const title = once ? 'published once' : 'of our own id';
    it(`[RB10] a message ${title} whose reply was lost is sent again and arrives once`, async () => {
      await using subscriber = await openBus(server.url);
      await subscriber.bus.subscribe(lobby);
      await using proxy = await startLinkProxy(server.port);
      await using under = await openBus(proxy.url, patient);
      proxy.swallowReplies('commands');
      const call = under.bus.publish([message({ frame: 'paid', once })]);
      assert.equal((await subscriber.heard.next()).frame, 'paid');
      proxy.drop('commands');
      await call;
      assert.equal(under.counters.publishRetries, 1);
      await under.bus.publish([message({ frame: 'end' })]);
      assert.equal((await subscriber.heard.next()).frame, 'end');
    });
  }

  it('[RB10] what never reached Redis is sent again in its old place', async () => {
    await using subscriber = await openBus(server.url);
    await subscriber.bus.subscribe(lobby);
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url, patient);
    proxy.stall('commands');
    const frames = Array.from({ length: 20 }, (_, index) => `frame ${index}`);
    const calls = frames.map((frame) => under.bus.publish([message({ frame })]));
    await nextTurn();
    proxy.drop('commands');
    await Promise.all(calls);
    const heard = await subscriber.heard.take(20);
    assert.deepEqual(
      heard.map(({ frame }) => frame),
      frames,
    );
  });

  it('[RB11] an unrecorded message whose reply was lost is not sent again: its publish rejects', async () => {
    await using subscriber = await openBus(server.url);
    await subscriber.bus.subscribe(lobby);
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url, patient);
    proxy.swallowReplies('commands');
    const call = under.bus.publish([message({ frame: 'typing', recorded: false })]);
    assert.equal((await subscriber.heard.next()).frame, 'typing');
    proxy.drop('commands');
    await assertFails(call, 'unavailable');
    await untilUp(under);
    await under.bus.publish([message({ frame: 'end' })]);
    assert.equal((await subscriber.heard.next()).frame, 'end');
  });

  it('[RB12] while the link is down publish rejects at once, and nothing of it arrives later', async () => {
    await using subscriber = await openBus(server.url);
    await subscriber.bus.subscribe(lobby);
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url);
    proxy.cut('commands');
    assert.equal(await under.ups.next(), false);
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const call = under.bus.publish([message({ frame: 'unheard' })]);
    await assertFails(call, 'unavailable');
    assert.equal(turned, false, 'the rejection took a turn of the event loop');
    proxy.heal();
    await untilUp(under);
    await under.bus.publish([message({ frame: 'end' })]);
    assert.equal((await subscriber.heard.next()).frame, 'end');
  });

  it('[RB13] what waits for a link that does not come back in time rejects, and does not arrive later', async () => {
    await using subscriber = await openBus(server.url);
    await subscriber.bus.subscribe(lobby);
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url, { publishMs: 500 });
    proxy.stall('commands');
    const call = under.bus.publish([message({ frame: 'unheard' })]);
    await nextTurn();
    proxy.cut('commands');
    await assertFails(call, 'unavailable');
    assert.equal(await under.ups.next(), false);
    proxy.heal();
    await untilUp(under);
    await under.bus.publish([message({ frame: 'end' })]);
    assert.equal((await subscriber.heard.next()).frame, 'end');
  });

  it('[RB13] a Redis that is connected but silent makes publishes reject in time, and then the link go down', async () => {
    await using frozen = await startRedis();
    await using under = await openBus(frozen.url, { publishMs: 300, commandMs: 300 });
    frozen.freeze();
    const call = under.bus.publish([message()]);
    await assertFails(call, 'unavailable');
    assert.equal(await under.ups.next(), false);
    assert.equal(under.bus.up, false);
    frozen.thaw();
    await untilUp(under);
    await under.bus.publish([message()]);
  });

  it('[RB14] more messages than may wait are rejected at once, and the others are not', async () => {
    await using proxy = await startLinkProxy(server.port);
    const options = optionsFor(proxy.url, { ...patient, publishMessages: 10, publishChars: 1_000 });
    await using publisher = await openRedisPublisher(options);
    proxy.stall();
    const calls = Array.from({ length: 10 }, () => publisher.publish([message()]));
    await assertFails(publisher.publish([message()]), 'unavailable');
    proxy.heal();
    await Promise.all(calls);
    await assertFails(publisher.publish([message({ frame: 'x'.repeat(1_000) })]), 'unavailable');
    // What was taken makes room again.
    for (let index = 0; index < 20; index += 1)
      await publisher.publish([message({ frame: 'x'.repeat(600) })]);
  });

  it('[RB15] a Redis that has forgotten the script gets it again, and the order stays', async () => {
    await using under = await openBus(server.url);
    await under.bus.subscribe(lobby);
    await server.client.config('RESETSTAT');
    const calls: Promise<void>[] = [];
    for (let round = 0; round < 40; round += 1) {
      for (let index = 0; index < 10; index += 1)
        calls.push(under.bus.publish([message({ frame: `${round}.${index}` })]));
      if (round % 10 === 5) void server.client.script('FLUSH', 'SYNC');
      await nextTurn();
    }
    await Promise.all(calls);
    const heard = await under.heard.take(400);
    for (const [at, { frame }] of heard.entries())
      assert.equal(frame, `${Math.floor(at / 10)}.${at % 10}`);
    assert.match(await server.client.info('errorstats'), /errorstat_NOSCRIPT:count=[1-9]/);
    const [newest] = await server.client.lrange(historyKey(lobby), 0, 0);
    assert.ok(newest?.includes('39.9'), newest);
  });
});

async function untilUp({ bus, ups }: BusUnderTest): Promise<void> {
  while (!bus.up) await ups.next();
}
