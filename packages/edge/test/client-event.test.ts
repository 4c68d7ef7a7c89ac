import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryNetwork, type App } from '@fanfare/core';
import { TokenBucket } from '../src/rate.ts';
import { RawClient, succeeded, wsFrame, type Client } from './client.ts';
import { ControlledBus } from './controlled-bus.ts';
import { apps, authFor, keyOf, startTestEdge, type EdgeUnderTest } from './edge-under-test.ts';

const ROOM = 'private-room';

describe('Client events', () => {
  it('[CE1] reach every other subscriber in their order, and not the sender', async () => {
    await using edge = await startTestEdge();
    await using sender = await member(edge, apps.fast);
    await using first = await member(edge, apps.fast);
    await using second = await member(edge, apps.fast);
    const names = Array.from({ length: 200 }, (_, index) => `client-number-${index}`);
    for (const name of names) send(sender, name, { x: 1 });
    for (const receiver of [first, second]) {
      for (const event of names)
        assert.deepEqual(await receiver.nextFrame(), { event, channel: ROOM, data: '{"x":1}' });
    }
    const marker = await edge.trigger(ROOM, { app: apps.fast });
    for (const client of [sender, first, second]) assert.equal(await client.next(), marker);
  });

  it('[CE1] cross from edge to edge, each way, and come back to nobody', async () => {
    const network = createMemoryNetwork();
    await using here = await startTestEdge({ network });
    await using there = await startTestEdge({ network });
    await using sender = await member(here);
    await using near = await member(here);
    await using far = await member(there);
    send(sender, 'client-there', 'out');
    for (const client of [near, far]) assert.equal((await client.nextFrame()).data, 'out');
    send(far, 'client-back', 'back');
    for (const client of [sender, near]) assert.equal((await client.nextFrame()).data, 'back');
    const marker = await there.trigger(ROOM);
    for (const client of [sender, near, far]) assert.equal(await client.next(), marker);
  });

  for (const name of ['private-room', 'private-encrypted-room']) {
    it(`[CE2] are carried by ${name}`, async () => {
      await using edge = await startTestEdge();
      await using sender = await member(edge, apps.main, name);
      await using receiver = await member(edge, apps.main, name);
      send(sender, 'client-e', 'x', name);
      assert.deepEqual(await receiver.nextFrame(), { event: 'client-e', channel: name, data: 'x' });
    });
  }

  it('[CE1] data arrives as a string: a string as it was, anything else as JSON', async () => {
    await using edge = await startTestEdge();
    await using sender = await member(edge, apps.fast);
    await using receiver = await member(edge, apps.fast);
    const texts = [
      ['"plain"', 'plain'],
      ['""', ''],
      ['"{\\"a\\":1}"', '{"a":1}'],
      ['"quote \\" and \\\\ and 😀 and \\u2028"', 'quote " and \\ and 😀 and \u2028'],
      ['{ "a" : [1, 2.50] }', '{"a":[1,2.5]}'],
      ['[]', '[]'],
      ['0', '0'],
      ['false', 'false'],
    ] as const;
    for (const [json, data] of texts) {
      sender.send(`{"event":"client-e","channel":"${ROOM}","data":${json},"user_id":"forged"}`);
      assert.deepEqual(await receiver.nextFrame(), { event: 'client-e', channel: ROOM, data });
    }
  });

  it('[CE2] are refused on a public channel, also to its subscribers', async () => {
    await using edge = await startTestEdge();
    await using sender = await edge.connect();
    await using receiver = await edge.connect();
    for (const client of [sender, receiver]) await client.join('lobby');
    for (const channel of ['lobby', 'x-private-room', 'cache-room', 'Not A Name', '']) {
      send(sender, 'client-e', 'x', channel);
      assert.equal(
        await sender.nextError(),
        'Client event rejected - only supported on private and presence channels',
      );
    }
    await assertMarkerFirst(edge, 'lobby', [receiver]);
  });

  it('[CE3] are refused to who is not subscribed, or is no longer', async () => {
    await using edge = await startTestEdge();
    await using receiver = await member(edge);
    await using sender = await edge.connect();
    for (const channel of [ROOM, 'presence-room']) {
      send(sender, 'client-e', 'x', channel);
      assert.equal(await sender.nextError(), notSubscribed(channel));
    }
    await sender.join(ROOM, authFor(sender.id, ROOM));
    sender.unsubscribe(ROOM);
    send(sender, 'client-e');
    assert.equal(await sender.nextError(), notSubscribed(ROOM));
    await assertMarkerFirst(edge, ROOM, [receiver]);
  });

  it('[CE4] without channel or data are refused', async () => {
    await using edge = await startTestEdge();
    await using sender = await member(edge);
    await using receiver = await member(edge);
    const rests = ['', '"data":"x"', `"channel":"${ROOM}"`, `"channel":"${ROOM}","data":null`];
    for (const rest of rests) {
      sender.send(`{"event":"client-e"${rest === '' ? '' : `,${rest}`}}`);
      assert.equal(
        await sender.nextError(),
        'Invalid client event (must contain channel and data)',
      );
    }
    await assertMarkerFirst(edge, ROOM, [receiver]);
  });

  it('[CE5] are refused where the app switched them off', async () => {
    await using edge = await startTestEdge();
    await using sender = await member(edge, apps.quiet);
    await using receiver = await member(edge, apps.quiet);
    send(sender, 'client-e');
    assert.equal(
      await sender.nextError(),
      'To send client events, you must enable this feature in the Settings page of your dashboard.',
    );
    await assertMarkerFirst(edge, ROOM, [receiver], apps.quiet);
  });

  it('[CE6] ten at once are taken, the eleventh is dropped with 4301, another connection has its own ten', async () => {
    await using edge = await startTestEdge();
    await using receiver = await member(edge);
    await using other = await member(edge);
    await using flooder = await rawMember(edge);
    // In one write, so that the time between the first and the last is no matter.
    const event = (index: number): string =>
      JSON.stringify({ event: `client-${index}`, channel: ROOM, data: 'x' });
    flooder.write(...Array.from({ length: 11 }, (_, index) => wsFrame(event(index))));
    for (const client of [receiver, other]) {
      for (let index = 0; index < 10; index += 1)
        assert.equal((await client.nextFrame()).event, `client-${index}`);
    }
    send(other, 'client-of-another');
    assert.equal((await receiver.nextFrame()).event, 'client-of-another');
    flooder.write(wsFrame('{"event":"pusher:ping"}'));
    const answer = await flooder.textUntil('pusher:pong');
    assert.equal(answer.split('"code":4301').length, 2, answer);
    assert.match(answer, /rejected due to rate limit: more than 10 in a second/);
    await assertMarkerFirst(edge, ROOM, [receiver, other]);
  });

  it("[CE7] data up to the app's limit of bytes is taken, a byte more is refused", async () => {
    await using edge = await startTestEdge();
    for (const [app, most] of [
      [apps.main, 10_240],
      [apps.tight, 10],
    ] as const) {
      await using sender = await member(edge, app);
      await using receiver = await member(edge, app);
      for (const data of ['x'.repeat(most), 'ü'.repeat(most / 2)]) {
        send(sender, 'client-e', data);
        assert.equal((await receiver.nextFrame()).data, data);
        send(sender, 'client-e', `${data}x`);
        assert.equal(
          await sender.nextError(),
          `Client event rejected - data is larger than ${most} bytes`,
        );
      }
      await assertMarkerFirst(edge, ROOM, [receiver], app);
    }
  });

  it('[CE7] an event name of 200 characters is taken, one of 201 is refused', async () => {
    await using edge = await startTestEdge();
    await using sender = await member(edge);
    await using receiver = await member(edge);
    const longest = `client-${'é'.repeat(193)}`;
    send(sender, longest);
    assert.equal((await receiver.nextFrame()).event, longest);
    send(sender, `${longest}e`);
    assert.equal(
      await sender.nextError(),
      'Client event rejected - event name is longer than 200 characters',
    );
    await assertMarkerFirst(edge, ROOM, [receiver]);
  });

  it('[ED6] what the bus cannot take is counted and dropped, and the sender stays', async () => {
    const bus = new ControlledBus();
    const lost: unknown[] = [];
    await using edge = await startTestEdge({
      openBus: () => bus,
      events: { clientEventLost: (error) => void lost.push(error) },
    });
    await using sender = await edge.connect();
    sender.subscribe(ROOM, authFor(sender.id, ROOM));
    (await bus.asked.next()).answer();
    assert.equal(await sender.next(), succeeded(ROOM));
    bus.refusing = true;
    send(sender, 'client-lost');
    await sender.nothingBefore('nobody is told');
    bus.refusing = false;
    send(sender, 'client-taken');
    await sender.nothingBefore('nobody is told');
    assert.equal(lost.length, 1);
    assert.equal(edge.counters.clientEventsDropped, 1);
    const [message, ...more] = bus.published;
    assert.deepEqual(more, []);
    const { id, ...rest } = message ?? { id: '' };
    assert.match(id, /^[\w-]{12}$/);
    assert.deepEqual(rest, {
      channel: keyOf(ROOM),
      frame: `{"event":"client-taken","channel":"${ROOM}","data":"x"}`,
      except: sender.id,
      recorded: false,
      once: false,
    });
  });
});

describe('The rate of client events', () => {
  it('[CE6] a burst of ten, and then one for every tenth of a second', () => {
    const bucket = new TokenBucket(10, 5000);
    assert.equal(take(bucket, 20, 5000), 10);
    assert.equal(take(bucket, 5, 5099), 0);
    assert.equal(take(bucket, 5, 5100), 1);
    assert.equal(take(bucket, 5, 5500), 4);
  });

  it('[CE6] what was not used does not add up beyond a second', () => {
    const bucket = new TokenBucket(10, 0);
    assert.equal(take(bucket, 100, 3_600_000), 10);
    assert.equal(take(bucket, 100, 3_600_999), 9);
  });

  it('[CE6] a steady sender at the rate is never refused', () => {
    const bucket = new TokenBucket(10, 0);
    for (let nowMs = 0; nowMs < 60_000; nowMs += 100)
      assert.ok(bucket.take(10, nowMs), `at ${nowMs}`);
  });

  it('[CE6] a clock that is set back takes nothing away', () => {
    const bucket = new TokenBucket(10, 3_600_000);
    assert.equal(take(bucket, 5, 3_600_000), 5);
    assert.equal(take(bucket, 20, 0), 5);
    assert.equal(take(bucket, 20, 1000), 10);
  });
});

/** How many of so many at once are let through. */
function take(bucket: TokenBucket, times: number, nowMs: number): number {
  return Array.from({ length: times }, () => bucket.take(10, nowMs)).filter(Boolean).length;
}

async function member(edge: EdgeUnderTest, app: App = apps.main, name = ROOM): Promise<Client> {
  const client = await edge.connect(app);
  await client.join(name, authFor(client.id, name, { app }));
  return client;
}

/** A subscriber that can put several frames into one write. */
async function rawMember(edge: EdgeUnderTest): Promise<RawClient> {
  const raw = await RawClient.open(edge.edge.port, '/app/main-key');
  const [id = ''] = /\d+\.\d+/.exec(await raw.textUntil('activity_timeout')) ?? [];
  const data = { channel: ROOM, ...authFor(id, ROOM) };
  raw.write(wsFrame(JSON.stringify({ event: 'pusher:subscribe', data })));
  await raw.textUntil('subscription_succeeded');
  return raw;
}

function send(client: Client, event: string, data: unknown = 'x', channel = ROOM): void {
  client.sendFrame({ event, channel, data });
}

async function assertMarkerFirst(
  edge: EdgeUnderTest,
  name: string,
  receivers: readonly Client[],
  app: App = apps.main,
): Promise<void> {
  const marker = await edge.trigger(name, { app });
  for (const receiver of receivers) assert.equal(await receiver.next(), marker);
}

function notSubscribed(channel: string): string {
  return `Cannot broadcast client event (connection not subscribed to channel ${channel})`;
}
