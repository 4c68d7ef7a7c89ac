import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { App } from '@fanfare/core';
import { apps, channel, keyOf, startTestEdge } from './edge-under-test.ts';

const LONGEST = 'c'.repeat(200);

describe('Subscribing to public channels', () => {
  it('[SB1] needs no auth, and what stands there is ignored, whatever its type', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    const extras = [
      {},
      { auth: '' },
      { auth: 'main-key:wrong' },
      { auth: 42, channel_data: ['x'] },
      { auth: null, channel_data: { user_id: 1 }, more: true },
    ];
    for (const [index, extra] of extras.entries()) await client.join(`lobby-${index}`, extra);
    await client.join('x-private-room');
    await client.join('Private-room');
  });

  it('[SB2] success is confirmed in one exact form and before any event of the channel', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    for (const name of ['a', LONGEST, '-_=@,.;AZaz09', 'lobby']) {
      client.subscribe(name);
      assert.equal(
        await client.next(),
        `{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"${name}"}`,
      );
      const event = await edge.trigger(name);
      assert.equal(await client.next(), event);
    }
  });

  it('[SB3] after the success no event is missed while another process publishes all the time', async () => {
    await using edge = await startTestEdge();
    const rooms = Array.from({ length: 60 }, (_, index) => `room-${index}`);
    let number = 0;
    const stop = new AbortController();
    const publisher = (async (): Promise<void> => {
      while (!stop.signal.aborted) {
        const data = String((number += 1));
        for (const room of rooms) await edge.trigger(room, { data });
        await turn();
      }
    })();
    for (const room of rooms) {
      await using client = await edge.connect();
      let before = Infinity;
      client.socket.once('message', () => (before = number));
      await client.join(room);
      const seen = (await client.inbox.take(20)).map((text) => Number(JSON.parse(text).data));
      const [first = Infinity] = seen;
      assert.ok(first <= before + 1, `acknowledged at ${before}, but the first event is ${first}`);
      assert.deepEqual(
        seen,
        Array.from(seen, (_, index) => first + index),
      );
    }
    stop.abort();
    await publisher;
  });

  it('[SB8] a second subscribe to a channel is refused and changes nothing', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    await client.join('lobby');
    for (let times = 0; times < 3; times += 1) {
      client.subscribe('lobby');
      assert.equal(await client.nextError(), 'Existing subscription to channel lobby');
    }
    const event = await edge.trigger('lobby');
    assert.equal(await client.next(), event);
    await client.nothingBefore('the event comes once, and no other word about the channel');
    client.unsubscribe('lobby');
    await edge.until(({ channels }) => channels === 0, 'one unsubscribe was enough');
  });

  it('[SB9] unsubscribe has no reply, and no event of the channel comes after it', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    await using neighbour = await edge.connect();
    for (const each of [client, neighbour]) await each.join('lobby');
    await client.join('marker');
    client.unsubscribe('lobby');
    await client.nothingBefore('no reply');
    const event = await edge.trigger('lobby');
    const marker = await edge.trigger('marker');
    assert.equal(await client.next(), marker);
    assert.equal(await neighbour.next(), event);
  });

  it('[SB9] unsubscribe without a subscription is answered', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    await using neighbour = await edge.connect();
    await neighbour.join('lobby');
    for (const name of ['lobby', 'private-lobby', 'presence-lobby', 'Not A Name']) {
      client.unsubscribe(name);
      assert.equal(await client.nextError(), noSubscription(name));
    }
    await client.join('lobby');
    client.unsubscribe('lobby');
    client.unsubscribe('lobby');
    assert.equal(await client.nextError(), noSubscription('lobby'));
    const event = await edge.trigger('lobby');
    assert.equal(await neighbour.next(), event);
  });

  it('[SB12] an invalid name is refused with the rule it breaks, and the limit is exact', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    await client.join(LONGEST);
    const names = ['a b', 'grün', '#lobby', 'a/b', `${LONGEST}c`, 'a\nb', '!', ''];
    for (const name of names) {
      client.subscribe(name);
      const message = await client.nextError();
      assert.ok(message.startsWith(`Invalid channel name '${name.slice(0, 200)}`), message);
      assert.match(message, /expected 1 to 200 characters out of A-Z a-z 0-9 _ - = @ , \. ;$/);
      await client.nextSubscriptionError('RequestError', message, 400);
    }
  });

  it('[SB14] a connection at its limit is refused the next channel, and told the limit', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect(apps.tight);
    await client.join('one');
    await client.join('two');
    client.subscribe('three');
    const message = await client.nextError();
    assert.equal(message, 'Over the limit of 2 channels on one connection');
    await client.nextSubscriptionError('LimitError', message, 429, 'three');
    client.unsubscribe('one');
    await client.join('three');
    assert.equal(edge.counters.channels, 2);
    await using second = await edge.connect(apps.tight);
    await second.join('one');
  });
});

describe('Apps', () => {
  it('[FR8] a channel of one app hears nothing of the same name in another', async () => {
    await using edge = await startTestEdge();
    const both: readonly App[] = [apps.main, apps.other];
    await using ours = await edge.connect(apps.main);
    await using theirs = await edge.connect(apps.other);
    for (const client of [ours, theirs]) await client.join(channel('lobby'));
    const [first, second] = await Promise.all(both.map((app) => edge.trigger('lobby', { app })));
    assert.equal(await ours.next(), first);
    assert.equal(await theirs.next(), second);
    assert.notEqual(keyOf('lobby', apps.main), keyOf('lobby', apps.other));
    for (const client of [ours, theirs]) await client.nothingBefore('one event each');
  });
});

function noSubscription(name: string): string {
  return `No current subscription to channel ${name}, or subscription in progress`;
}
