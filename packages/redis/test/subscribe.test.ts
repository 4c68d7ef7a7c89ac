import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { topicOf } from '../src/keys.ts';
import { partitionOf } from '../src/partitions.ts';
import {
  assertFails,
  key,
  keys,
  keysOfOnePartition,
  message,
  nextCommand,
  openBus,
  watchCommands,
} from './bus-under-test.ts';
import { startLinkProxy } from './link-proxy.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
const lobby = key('lobby');

describe('Topics in Redis', () => {
  it('[RB16] topics wanted at one time are asked for together, at most 512 of one partition in a command', async () => {
    await using under = await openBus(server.url);
    const scattered = keys(1_000);
    const together = keysOfOnePartition(1_200);
    const channels = [...scattered, ...together];
    const commands = await watchCommands(server.client);
    await Promise.all(channels.map((channel) => under.bus.subscribe(channel)));

    const asked: (readonly string[])[] = [];
    for (let names = 0; names < channels.length;) {
      const topics = await nextCommand(commands, 'ssubscribe');
      asked.push(topics);
      names += topics.length;
    }
    assert.deepEqual(asked.flat().toSorted(), channels.map(topicOf).toSorted());
    for (const topics of asked) {
      assert.ok(topics.length <= 512, `${topics.length} names in one command`);
      assert.equal(new Set(topics.map((topic) => topic.split('}')[0])).size, 1);
    }
    const partitions = new Set(channels.map(partitionOf)).size;
    // 1 200 of one partition need two commands more than the others; a turn of the event loop may end within one.
    assert.ok(asked.length <= partitions + 4, `${asked.length} commands, ${partitions} partitions`);
  });

  it('[RB17] a topic nobody wants any more stays subscribed for the linger, and wanting it again costs no command', async () => {
    await using under = await openBus(server.url, { lingerMs: 300, sweepMs: 20 });
    await under.bus.subscribe(lobby);
    const commands = await watchCommands(server.client);
    under.bus.unsubscribe(lobby);
    await under.bus.subscribe(lobby);
    await under.bus.publish([message({ frame: 'still here' })]);
    assert.equal((await under.heard.next()).frame, 'still here');

    const before = performance.now();
    under.bus.unsubscribe(lobby);
    for (;;) {
      const [name, ...args] = await commands.next();
      assert.notEqual(name, 'ssubscribe');
      if (name !== 'sunsubscribe') continue;
      assert.deepEqual(args, [topicOf(lobby)]);
      break;
    }
    const lingeredMs = performance.now() - before;
    assert.ok(lingeredMs >= 299, `unsubscribed after ${lingeredMs} ms`);

    await under.bus.subscribe(lobby);
    assert.deepEqual(await nextCommand(commands, 'ssubscribe'), [topicOf(lobby)]);
    await under.bus.publish([message({ frame: 'here again' })]);
    assert.equal((await under.heard.next()).frame, 'here again');
  });

  it('[RB18] one sweep unsubscribes a bounded number of topics, and the next ones the rest', async () => {
    const channels = keysOfOnePartition(25);
    await using under = await openBus(server.url, { lingerMs: 0, sweepMs: 20, topicsPerSweep: 10 });
    await Promise.all(channels.map((channel) => under.bus.subscribe(channel)));
    const commands = await watchCommands(server.client);
    for (const channel of channels) under.bus.unsubscribe(channel);
    const swept = [
      await nextCommand(commands, 'sunsubscribe'),
      await nextCommand(commands, 'sunsubscribe'),
      await nextCommand(commands, 'sunsubscribe'),
    ];
    assert.deepEqual(
      swept.map((topics) => topics.length),
      [10, 10, 5],
    );
    assert.deepEqual(swept.flat(), channels.map(topicOf));
    assert.deepEqual([under.counters.topics, under.counters.topicsLingering], [0, 0]);
  });

  it('[BU10] bytes that are no envelope are counted and dropped, and the next message arrives', async () => {
    await using under = await openBus(server.url);
    await under.bus.subscribe(lobby);
    const foreign = [
      '',
      'hello',
      '\n',
      '1:2:3\n{}',
      'e:x:id::\nframe',
      'e:1:id::12.34:5\nframe',
      ':::::::\n',
      `${'9'.repeat(400)}:${'9'.repeat(400)}:id::\n`,
      Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x3a, 0x3a, 0x3a, 0x3a]),
      Buffer.alloc(100_000, 0x3a),
    ];
    for (const bytes of foreign) await server.client.spublish(topicOf(lobby), bytes);
    await under.bus.publish([message({ frame: 'after all that' })]);
    assert.equal((await under.heard.next()).frame, 'after all that');
    assert.equal(under.counters.foreign, foreign.length);
    assert.equal(under.bus.up, true);
  });

  it('[RB19] a subscribe that Redis does not confirm in time rejects, and its channel is not handed out later', async () => {
    await using proxy = await startLinkProxy(server.port);
    await using under = await openBus(proxy.url, { subscribeMs: 100, sweepMs: 20 });
    proxy.stall('subscriber');
    const call = under.bus.subscribe(lobby);
    await assertFails(call, 'unavailable');
    proxy.heal();
    const marker = key('marker');
    await under.bus.subscribe(marker);
    await under.bus.publish([message({ frame: 'unheard' }), message({ channel: marker })]);
    assert.equal((await under.heard.next()).channel, marker);
  });

  it('[RB19] a bus that is closed rejects the subscribes that still wait', async () => {
    await using proxy = await startLinkProxy(server.port);
    const under = await openBus(proxy.url);
    proxy.cut();
    assert.equal(await under.ups.next(), false);
    const call = under.bus.subscribe(lobby);
    await Promise.all([assertFails(call, 'closed'), under.bus[Symbol.asyncDispose]()]);
  });
});
