import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ChannelKey } from '@fanfare/protocol';
import { openRedisPublisher } from '../src/index.ts';
import { topicOf } from '../src/keys.ts';
import { partitionOf } from '../src/partitions.ts';
import { within } from './inbox.ts';
import {
  key,
  keys,
  message,
  nextCommand,
  openBus,
  optionsFor,
  watchCommands,
  type BusUnderTest,
} from './bus-under-test.ts';
import { startLinkProxy } from './link-proxy.ts';
import { startClusterNode, startRedis, type RedisServer } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
const lobby = key('lobby');

describe('Subscriptions while something goes wrong', () => {
  it('[RB20] a lost connection is told at once, and again when every topic is live: then nothing more is missed', async () => {
    const channels = keys(3_000);
    await using publisher = await openBus(server.url);
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url);
    await Promise.all(channels.map((channel) => under.bus.subscribe(channel)));
    for (let round = 0; round < 3; round += 1) {
      proxy.drop('subscriber');
      assert.equal(await under.ups.next(), false);
      assert.equal(under.bus.up, false);
      assert.equal(await under.ups.next(), true);
      assert.equal(under.bus.up, true);
      await publisher.bus.publish(channels.map((channel) => message({ channel })));
      const heard = await under.heard.take(channels.length);
      assert.equal(new Set(heard.map(({ channel }) => channel)).size, channels.length);
    }
    assert.equal(under.counters.subscriberLinkLost, 3);
    assert.equal(under.ups.size, 0);
  });

  it('[RB20] only so many topics are asked for before Redis has confirmed some', async () => {
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url, { topicsAsked: 100, topicsPerTurn: 30 });
    const commands = await watchCommands(server.client);
    proxy.swallowReplies('subscriber');
    const calls = keys(1_000).map((channel) => under.bus.subscribe(channel));
    const settled = Promise.allSettled(calls);
    let asked = 0;
    while (asked < 100) asked += (await nextCommand(commands, 'ssubscribe')).length;
    // Each of these takes more turns of the event loop than asking for the next ones would.
    for (let index = 0; index < 20; index += 1) await under.bus.publish([message()]);
    await server.client.echo('end');
    for (;;) {
      const [name, text] = await commands.next();
      assert.notEqual(name, 'ssubscribe');
      if (name === 'echo' && text === 'end') break;
    }
    assert.equal(asked, 100);
    await under.bus[Symbol.asyncDispose]();
    await settled;
  });

  it('[RB21] a subscribe while the link is down waits, and holds once it resolves', async () => {
    await using publisher = await openBus(server.url);
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url);
    proxy.cut();
    assert.equal(await under.ups.next(), false);
    const call = under.bus.subscribe(lobby);
    proxy.heal();
    await within(call, 'the subscribe did not resolve');
    await publisher.bus.publish([message({ frame: 'heard' })]);
    assert.equal((await under.heard.next()).frame, 'heard');
  });

  it('[RB21] what nobody wants any more when the connection is lost is not asked for again', async () => {
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url);
    const unwanted = key('unwanted');
    await Promise.all([under.bus.subscribe(lobby), under.bus.subscribe(unwanted)]);
    under.bus.unsubscribe(unwanted);
    proxy.drop('subscriber');
    await untilUp(under, false);
    await untilUp(under, true);
    assert.deepEqual(await subscribers(server, [lobby, unwanted]), [1, 0]);
    await under.bus.subscribe(unwanted);
    assert.deepEqual(await subscribers(server, [lobby, unwanted]), [1, 1]);
  });

  it('[RB22] a subscriber connection that is open but silent is dropped and opened again', async () => {
    await using publisher = await openBus(server.url);
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url, { probeMs: 50 });
    await under.bus.subscribe(lobby);
    proxy.stall('subscriber');
    assert.equal(await under.ups.next(), false);
    assert.equal(await under.ups.next(), true);
    await publisher.bus.publish([message({ frame: 'through the new one' })]);
    assert.equal((await under.heard.next()).frame, 'through the new one');
  });

  it('[RB22] a quiet connection that answers its probes is kept', async () => {
    const probes = 6;
    await using under = await openBus(server.url, { probeMs: 50 });
    await under.bus.subscribe(lobby);
    const commands = await watchCommands(server.client);
    for (let seen = 0; seen < probes; seen += 1) await nextCommand(commands, 'spublish');
    assert.equal(under.counters.subscriberLinkLost, 0);
    assert.equal(under.ups.size, 0);
  });

  it('[RB22] a process that publishes nothing notices too that Redis has fallen silent', async () => {
    await using proxy = await startLinkProxy(server.port);
    const options = optionsFor(proxy.url, { probeMs: 50, commandMs: 100 });
    await using publisher = await openRedisPublisher(options);
    proxy.stall();
    const noticed = async (): Promise<void> => {
      while (publisher.up) await nextTurn();
    };
    await within(noticed(), 'the publisher still says that it is up');
  });

  it('[RB23] after the link for commands was away, the bus is up only once a message came through again', async () => {
    await using publisher = await openBus(server.url);
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url, { probeMs: 100 });
    await under.bus.subscribe(lobby);
    // As when the network was away for a while: one connection is noticed as lost, the other dies in silence.
    proxy.stall('subscriber');
    proxy.drop('commands');
    assert.equal(await under.ups.next(), false);
    assert.equal(await under.ups.next(), true);
    assert.equal(under.counters.subscriberLinkLost, 1, 'it was up over a dead connection');
    await publisher.bus.publish([message({ frame: 'heard' })]);
    assert.equal((await under.heard.next()).frame, 'heard');
  });

  it('[RB24] a Redis that comes back empty is used like the one before', async () => {
    await using mortal = await startRedis();
    await using under = await openBus(mortal.url);
    await under.bus.subscribe(lobby);
    await under.bus.publish([message({ frame: 'before' })]);
    assert.equal((await under.heard.next()).frame, 'before');
    await mortal.restart();
    await untilUp(under, true);
    await under.bus.publish([message({ frame: 'after' })]);
    assert.equal((await under.heard.next()).frame, 'after');
    assert.equal(await mortal.client.get('fanfare:layout'), '256');
  });

  it('[RB25] topics that Redis takes away, as when a slot moves, are asked for until they are live again', async () => {
    await using node = await startClusterNode();
    const pauseMs = 2_000;
    await using under = await openBus(node.url, { refusedMs: pauseMs });
    await Promise.all([under.bus.subscribe(lobby), under.bus.subscribe(key('other'))]);
    const slot = 64 * partitionOf(lobby) + 32;
    const before = performance.now();
    await node.client.cluster('DELSLOTS', slot);
    assert.equal(await under.ups.next(), false);
    assert.ok(performance.now() - before < pauseMs, 'it was told only with the next attempt');
    await node.client.cluster('ADDSLOTS', slot);
    assert.equal(await under.ups.next(), true);
    await under.bus.publish([message({ frame: 'back' })]);
    assert.equal((await under.heard.next()).frame, 'back');
    assert.equal(under.counters.subscriberLinkLost, 0);
  });

  it('[RB25] a subscribe that Redis refuses is tried again', async () => {
    await using node = await startClusterNode();
    await using under = await openBus(node.url, { refusedMs: 20 });
    const slot = 64 * partitionOf(lobby) + 32;
    await node.client.cluster('DELSLOTS', slot);
    await node.client.config('RESETSTAT');
    const call = under.bus.subscribe(lobby);
    while (!(await node.client.info('errorstats')).includes('CLUSTERDOWN')) await nextTurn();
    await node.client.cluster('ADDSLOTS', slot);
    await within(call, 'the subscribe did not resolve');
    await under.bus.publish([message({ frame: 'heard' })]);
    assert.equal((await under.heard.next()).frame, 'heard');
  });
});

async function untilUp({ bus, ups }: BusUnderTest, up: boolean): Promise<void> {
  while (bus.up !== up) await ups.next();
}

async function subscribers(
  { client }: RedisServer,
  channels: readonly ChannelKey[],
): Promise<readonly unknown[]> {
  const counts: unknown[] = [];
  for (const channel of channels) {
    const reply = await client.pubsub('SHARDNUMSUB', topicOf(channel));
    counts.push(Array.isArray(reply) ? reply[1] : reply);
  }
  return counts;
}
