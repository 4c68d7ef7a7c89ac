import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { appSchema, createMemoryAppRegistry, createMemoryNetwork } from '@fanfare/core';
import { channelOfKey } from '@fanfare/protocol';
import { PONG, type Client } from './client.ts';
import { ControlledBus } from './controlled-bus.ts';
import { apps, authFor, keyOf, startTestEdge, type EdgeUnderTest } from './edge-under-test.ts';
import { askFor, joinAs, presenceOf, startCluster } from './presence-cluster.ts';

const app = apps.webman;
const names = ['频道/一 号', ' ', '/', '{x}:y', '#general', '100%', '"quoted\\"', '😀'.repeat(200)];
const control = ['a\nb', '\u0000', '\u007f', 'x\u0085', '\ud800', '', '频'.repeat(201)];
const RULE = 'expected 1 to 200 characters, none of them a control character';

/** The first line stands for what SDKs show, the second for what we tell the channel itself. */
async function refused(client: Client, name: string, message: string): Promise<void> {
  assert.equal(await client.nextError(), message);
  await client.nextSubscriptionError('RequestError', message, 400, name);
}

describe('Free-form names on the socket', () => {
  it('[WM20] are subscribed to, get their events and no others, and are left again', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect(app);
    for (const name of names) await client.join(name);
    for (const name of names) {
      const frame = await edge.trigger(name, { app });
      assert.equal(await client.next(), frame);
      client.unsubscribe(name);
    }
    await client.nothingBefore('unsubscribe has no answer');
    assert.equal(edge.counters.subscriptions, 0);
    for (const name of names) await edge.trigger(name, { app });
    client.unsubscribe('频道');
    assert.match(await client.nextError(), /^No current subscription to channel 频道, /);
  });

  it('[WM20] carry client events of any name on private channels, signed as elsewhere', async () => {
    await using edge = await startTestEdge();
    await using sender = await edge.connect(app);
    await using other = await edge.connect(app);
    for (const name of names.slice(0, -1).map((each) => `private-${each}`)) {
      for (const client of [sender, other])
        await client.join(name, authFor(client.id, name, { app }));
      const event = 'client-打字 /"';
      sender.sendFrame({ event, channel: name, data: { x: 1 } });
      assert.deepEqual(await other.nextFrame(), { event, channel: name, data: '{"x":1}' });
    }
    await sender.nothingBefore('a sender does not hear itself');
    sender.sendFrame({ event: 'client-a\nb', channel: 'private-/', data: 1 });
    assert.equal(await sender.nextError(), `Client event rejected - invalid event name: ${RULE}`);
  });

  it('[WM20] are counted and have members over two edges', async () => {
    await using cluster = await startCluster();
    await using here = await cluster.one.connect(app);
    await using there = await cluster.two.connect(app);
    for (const name of names.slice(0, -1).map((each) => `presence-${each}`)) {
      assert.deepEqual((await joinAs(here, '张/三', { n: 1 }, { app, channel: name })).ids, [
        '张/三',
      ]);
      const both = await joinAs(there, 'b', undefined, { app, channel: name });
      assert.deepEqual(both.ids.toSorted(), ['b', '张/三'].toSorted());
      const { event, channel } = await here.nextFrame();
      assert.deepEqual([event, channel], ['pusher_internal:member_added', name]);
      await cluster.untilCounted(2, name, app);
    }
  });

  it('[WM21] with control characters, empty or too long, are refused with the rule', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect(app);
    for (const name of control) {
      client.subscribe(name);
      const shown = name.length > 200 ? `${name.slice(0, 200)}…` : name;
      await refused(client, shown, `Invalid channel name '${shown}': ${RULE}`);
    }
    await client.nothingBefore('the socket is well');
    assert.equal(edge.counters.channels, 0);
  });

  it('[WM21] stay refused in an app of the dialect pusher', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    for (const name of names.slice(0, -1)) {
      client.subscribe(name);
      const rule = 'expected 1 to 200 characters out of A-Z a-z 0-9 _ - = @ , . ;';
      await refused(client, name, `Invalid channel name '${name}': ${rule}`);
    }
  });

  it('[WM22] user_info may be any JSON, or left out', async () => {
    await using edge = await startTestEdge();
    const channel = 'presence-房';
    const kinds = [
      ['', {}],
      [',"user_info":null', {}],
      [',"user_info":[]', []],
      [',"user_info":"Bob \\"x\\""', 'Bob "x"'],
      [',"user_info":[1,{"a":2}]', [1, { a: 2 }]],
      [',"user_info":0', 0],
      [',"user_info":{"a":"\\u5f20"}', { a: '张' }],
    ] as const;
    for (const [at, [info, shown]] of kinds.entries()) {
      await using client = await edge.connect(app);
      askFor(client, `{"user_id":${at}${info}}`, { app, channel });
      assert.deepEqual(presenceOf(await client.nextFrame()).hash[at], shown);
    }
    await using client = await edge.connect(app);
    const long = `{"user_id":7,"user_info":${JSON.stringify('x'.repeat(1_023))}}`;
    askFor(client, long, { app });
    assert.match(await client.nextError(), /larger than 1024 bytes$/);
  });

  it('[WM23] /app/{key} is found behind any prefix, without a prefix of the edge', async () => {
    await using edge = await startTestEdge();
    for (const path of ['/ws/app/webman-key', '//app/webman-key', '/app/x/app/webman-key/']) {
      await using client = edge.open(path);
      await client.established();
    }
  });
});

describe('What an app sends to everybody', () => {
  const everybody = keyOf('', apps.aloud);

  it('[WM24] reaches every connection of the app on every edge, and no other app’s', async () => {
    const network = createMemoryNetwork();
    await using one = await startTestEdge({ network });
    await using two = await startTestEdge({ network });
    const clients = [one, one, two].map((edge) => edge.connect(apps.aloud));
    const connected = await Promise.all(clients);
    await using stranger = await one.connect();
    const frame = await two.trigger('', { app: apps.aloud, data: '1' });
    assert.equal(frame, '{"event":"happened","channel":"","data":"1"}');
    for (const client of connected) assert.equal(await client.next(), frame);
    await two.trigger('', { app: apps.main });
    await stranger.nothingBefore('an app does not hear another, nor one that has it off');
    for (const client of connected) await client[Symbol.asyncDispose]();
  });

  it('[WM24] does not reach the socket that it excepts', async () => {
    await using edge = await startTestEdge();
    await using cause = await edge.connect(apps.aloud);
    await using other = await edge.connect(apps.aloud);
    const frame = await edge.trigger('', { app: apps.aloud, except: cause.id });
    assert.equal(await other.next(), frame);
    await cause.nothingBefore('it was excepted');
    assert.deepEqual([edge.counters.eventsIn, edge.counters.eventsOut], [1, 1]);
  });

  it('[WM25] costs a topic while the app has a connection here, and other apps nothing', async () => {
    const bus = new ControlledBus();
    await using edge = await startOn(bus);
    await using quiet = await edge.connect();
    assert.equal(bus.wanted.size, 0);
    const first = edge.open('/app/aloud-key');
    (await bus.asked.next()).answer();
    await first.established();
    const second = await edge.connect(apps.aloud);
    assert.deepEqual([...bus.wanted.keys()], [everybody]);
    await first[Symbol.asyncDispose]();
    await edge.until(({ connections }) => connections === 2, 'the first is gone');
    assert.deepEqual([...bus.wanted.keys()], [everybody]);
    await second[Symbol.asyncDispose]();
    await edge.until(({ connections }) => connections === 1, 'both are gone');
    assert.deepEqual([...bus.wanted.keys()].map(channelOfKey), []);
    await quiet.nothingBefore('nobody else noticed');
  });

  it('[WM26] a connection is established when it hears it, and its frames wait until then', async () => {
    const bus = new ControlledBus();
    await using edge = await startOn(bus);
    await using client = edge.open('/app/aloud-key');
    const asked = await bus.asked.next();
    await once(client.socket, 'open');
    client.send('{"event":"pusher:ping"}');
    await client.allRead();
    asked.answer();
    await client.established();
    assert.equal(await client.next(), PONG);
    bus.deliver(everybody, '{"to":"all"}');
    assert.equal(await client.next(), '{"to":"all"}');
  });

  it('[WM26] closes with 4200 who cannot be made to hear it, and the next one asks anew', async () => {
    const bus = new ControlledBus();
    await using edge = await startOn(bus);
    await using client = edge.open('/app/aloud-key');
    (await bus.asked.next()).fail();
    assert.equal((await client.closedWith()).code, 4200);
    await using gone = edge.open('/app/aloud-key');
    const late = await bus.asked.next();
    await gone[Symbol.asyncDispose]();
    await edge.until(({ connections }) => connections === 0, 'it went before the answer');
    late.answer();
    await using next = edge.open('/app/aloud-key');
    for (const asked of await bus.asked.take(1)) asked.answer();
    await next.established();
  });

  it('[WM28] reaches who was there before the app came to it, from its next frame on', async () => {
    const before = appSchema.parse({ id: '1009', keys: apps.aloud.keys });
    const registry = createMemoryAppRegistry([before]);
    await using edge = await startTestEdge({ apps: registry });
    await using client = await edge.connect(before);
    await client.join('news');
    registry.replace([apps.aloud]);
    await client.nothingBefore('its frame is answered as ever');
    await client.nothingBefore('and the next');
    const frame = await edge.trigger('', { app: apps.aloud });
    assert.equal(await client.next(), frame);
    await using later = await edge.connect(apps.aloud);
    registry.replace([before]);
    await later.nothingBefore('the app has gone from it, and nobody is closed');
    assert.equal(edge.counters.subscriptions, 1);
  });

  it('[WM27] is no channel of any client’s: not to join, to leave, to send to, or in any count', async () => {
    await using cluster = await startCluster();
    const edge = cluster.one;
    await using client = await edge.connect(apps.aloud);
    client.subscribe('');
    assert.match(await client.nextError(), /^Invalid channel name ''/);
    await client.nextFrame();
    client.unsubscribe('');
    assert.match(await client.nextError(), /^No current subscription to channel , /);
    client.sendFrame({ event: 'client-x', channel: '', data: 1 });
    assert.match(await client.nextError(), /^Client event rejected - only supported on private/);
    for (const name of ['a', 'b']) {
      await client.join(name);
      await cluster.untilCounted(1, name, apps.aloud);
    }
    assert.equal(edge.counters.subscriptions, 2);
    const listed = await cluster.store.occupied(apps.aloud.id, '');
    assert.deepEqual(listed.toSorted(), ['a', 'b']);
    client.subscribe('c');
    assert.equal(await client.nextError(), 'Over the limit of 2 channels on one connection');
    await client.nextFrame();
    const frame = await edge.trigger('', { app: apps.aloud });
    assert.equal(await client.next(), frame);
  });
});

function startOn(bus: ControlledBus): Promise<EdgeUnderTest> {
  return startTestEdge({
    openBus(events) {
      bus.events = events;
      return bus;
    },
  });
}
