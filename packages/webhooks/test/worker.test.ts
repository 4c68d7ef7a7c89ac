import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryState, stateTiming, type Outbox, type WebhookEvent } from '@fanfare/core';
import { channelKey, parseChannelName } from '@fanfare/protocol';
import {
  app,
  append,
  appId,
  clientEvent,
  createOutbox,
  givenWorker,
  listenTo,
  occupied,
  vacated,
} from './given.ts';
import { startReceiver, type Received } from './receiver.ts';

/** Events of one channel, each with its place in the order. */
function history(channel: string, count: number): readonly WebhookEvent[] {
  return Array.from({ length: count }, (_, index) => clientEvent(channel, String(index)));
}

function dataOf(events: Received['events'], channel: string): readonly unknown[] {
  return events.filter((event) => event.channel === channel).map((event) => event['data']);
}

function numbers(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

// They wait more than they work.
describe('The worker', { concurrency: 4 }, () => {
  it('[WH5] delivers the events of a channel in order through failures of every kind', async () => {
    const replies = [200, 500, 200, 'close', 'hang', 204, 302, 404] as const;
    await using receiver = await startReceiver((_, index) => replies[index] ?? 200);
    const outbox = createOutbox();
    await using _worker = await givenWorker({
      outbox,
      apps: [app([{ url: receiver.url }])],
      options: { maxEvents: 3, timeoutMs: 500 },
    });
    const [a, b] = [history('private-a', 12), history('private-b', 12)];
    for (const [index, event] of a.entries()) await append(outbox, event, b[index] ?? event);
    await receiver.until(() => receiver.took.length === 24, 'all events');
    assert.deepEqual(dataOf(receiver.took, 'private-a'), numbers(12));
    assert.deepEqual(dataOf(receiver.took, 'private-b'), numbers(12));
    assert.equal(new Set(receiver.tookIds).size, 24);
    // Seen, not only taken: nothing went out before what stands before it was taken.
    const seen = dataOf(
      receiver.requests.flatMap(({ events }) => events),
      'private-a',
    );
    const firsts = seen.filter((data, index) => seen.indexOf(data) === index);
    assert.deepEqual(firsts, numbers(12));
  });

  it('[IC3] asks an idle partition one thing per visit, and counts what waits from time to time', async () => {
    const partitions = 8;
    const asked = new Map<string, number>();
    const inner = createOutbox(partitions);
    const outbox = new Proxy(inner, {
      get(_, name: keyof Outbox) {
        if (typeof inner[name] === 'function') asked.set(name, (asked.get(name) ?? 0) + 1);
        return inner[name];
      },
    });
    const told = listenTo();
    const visits = (): number => told.lines.filter((line) => line === 'store works').length;
    await using worker = await givenWorker({
      outbox,
      apps: [app([])],
      options: { backlogMs: 60_000 },
      told,
    });
    await told.until(() => visits() >= 10 * partitions, 'ten visits of each');
    await worker.stop('drain');
    assert.deepEqual(
      asked,
      new Map([
        ['poll', visits()],
        ['backlog', partitions],
      ]),
    );
  });

  it('[WH4] sends the same bytes, key and ids in every attempt, and counts the attempts', async () => {
    await using receiver = await startReceiver((_, index) => (index < 4 ? 500 : 200));
    const outbox = createOutbox(8);
    await using _worker = await givenWorker({ outbox, apps: [app([{ url: receiver.url }])] });
    for (let partition = 0; partition < 8; partition += 1)
      await outbox.append(partition, appId(), occupied(`room-${partition}`));
    await receiver.until(() => receiver.requests.length === 2, 'a second attempt');
    // What comes meanwhile must not slip into what was tried already.
    for (let partition = 0; partition < 8; partition += 1)
      await outbox.append(partition, appId(), vacated(`room-${partition}`));
    await receiver.until(() => receiver.took.length === 16, 'all events');
    const first = receiver.requests[0];
    assert.ok(first);
    const same = receiver.requests.filter(({ ids }) => ids[0] === first.ids[0]);
    assert.ok(same.length > 1, 'the first request was repeated');
    for (const [index, { body, headers, ids, attempt }] of same.entries()) {
      assert.equal(body, first.body);
      assert.deepEqual(ids, first.ids);
      assert.equal(headers['idempotency-key'], first.headers['idempotency-key']);
      assert.equal(headers['x-pusher-signature'], first.headers['x-pusher-signature']);
      assert.equal(attempt, index + 1);
    }
    const keys = new Map(
      receiver.requests.map(({ headers, body }) => [headers['idempotency-key'], body]),
    );
    assert.equal(new Set(keys.values()).size, keys.size);
    assert.equal(new Set(receiver.tookIds).size, 16);
  });

  it('[WH2] tells each hook what it wants, and nobody what nobody wants', async () => {
    await using all = await startReceiver();
    await using few = await startReceiver();
    const hooks = [
      { url: all.url, channels: { prefix: 'private-' } },
      { url: few.url, events: ['channel_vacated'], channels: { suffix: '-log' } },
    ];
    const outbox = createOutbox();
    await using worker = await givenWorker({ outbox, apps: [app(hooks)] });
    await append(
      outbox,
      occupied('private-log'),
      occupied('nobody'),
      vacated('private-log'),
      vacated('a-log'),
      occupied('private-marker'),
      vacated('marker-log'),
    );
    await all.until(() => all.took.at(-1)?.channel === 'private-marker', 'the marker');
    await few.until(() => few.took.at(-1)?.channel === 'marker-log', 'the other marker');
    assert.deepEqual(
      all.took.map(({ name, channel }) => `${name} ${channel}`),
      [
        'channel_occupied private-log',
        'channel_vacated private-log',
        'channel_occupied private-marker',
      ],
    );
    assert.deepEqual(
      few.took.map(({ name, channel }) => `${name} ${channel}`),
      ['channel_vacated private-log', 'channel_vacated a-log', 'channel_vacated marker-log'],
    );
    await worker.stop('drain');
    const { unrouted, events } = await outbox.backlog(0);
    assert.deepEqual({ unrouted, events }, { unrouted: 0, events: 0 });
  });

  it('[WH11] sends what gathered for a hook together, from many lanes', async () => {
    await using receiver = await startReceiver();
    const outbox = createOutbox(64);
    await using _worker = await givenWorker({
      outbox,
      apps: [app([{ url: receiver.url }])],
      options: { mergeMs: 300 },
    });
    for (let partition = 0; partition < 64; partition += 1)
      await outbox.append(partition, appId(), occupied(`room-${partition}`));
    await receiver.until(() => receiver.took.length === 64, 'all events');
    assert.equal(new Set(receiver.tookIds).size, 64);
    for (const { events } of receiver.requests) assert.ok(events.length <= 20);
    assert.ok(receiver.requests.length <= 16, `${receiver.requests.length} requests`);
  });

  it('[WH11] what is left of a lane need not wait until the store is looked at again', async () => {
    await using receiver = await startReceiver();
    const outbox = createOutbox();
    await append(outbox, ...history('private-a', 60));
    await using _worker = await givenWorker({
      outbox,
      apps: [app([{ url: receiver.url }])],
      options: { pollMs: 1_000, maxEvents: 5 },
    });
    await receiver.until(() => receiver.took.length === 60, 'all events');
    const [first, last] = [receiver.requests[0], receiver.requests.at(-1)];
    assert.ok(first && last);
    assert.equal(receiver.requests.length, 12);
    assert.ok(last.atMs - first.atMs < 5_000, `it took ${last.atMs - first.atMs} ms`);
  });

  it('[WH12] sends client events of encrypted channels apart, in the order of their lane', async () => {
    await using receiver = await startReceiver();
    const outbox = createOutbox();
    await using _worker = await givenWorker({ outbox, apps: [app([{ url: receiver.url }])] });
    const secret = clientEvent('private-encrypted-a', 'encrypted_data:x:y');
    const about = occupied('private-encrypted-a');
    await append(outbox, occupied('a'), about, secret, secret, occupied('b'), vacated('a'));
    await receiver.until(() => receiver.took.length === 6, 'all events');
    assert.deepEqual(
      receiver.requests.map(({ events }) =>
        events.map(({ name, channel }) => `${name} ${channel}`),
      ),
      [
        ['channel_occupied a'],
        ['channel_occupied private-encrypted-a'],
        ['client_event private-encrypted-a', 'client_event private-encrypted-a'],
        ['channel_occupied b', 'channel_vacated a'],
      ],
    );
  });

  it('[WH6] waits as long as the receiver asks', async () => {
    const asked = [
      { 'retry-after': '1' },
      { 'retry-after': new Date(Date.now() + 60_000).toUTCString() },
    ];
    await using receiver = await startReceiver((_, index) => {
      const headers = asked[index];
      return headers === undefined ? 200 : (response) => response.writeHead(429, headers).end();
    });
    const outbox = createOutbox();
    await using _worker = await givenWorker({
      outbox,
      apps: [app([{ url: receiver.url }])],
      options: { retry: { baseMs: 1, capMs: 1, retryAfterCapMs: 150, giveUpMs: 3_600_000 } },
    });
    await append(outbox, occupied('a'));
    await receiver.until(() => receiver.took.length === 1, 'the event');
    const times = receiver.requests.map(({ atMs }) => atMs);
    for (const [index, atMs] of times.slice(1).entries()) {
      const pauseMs = atMs - (times[index] ?? 0);
      assert.ok(pauseMs >= 145 && pauseMs < 10_000, `the pause was ${pauseMs} ms`);
    }
  });

  it('[WH2] delivers what the state of a process decides, with nothing in between', async () => {
    await using receiver = await startReceiver();
    const state = createMemoryState({
      timing: { ...stateTiming, graceMs: 0, downDelayMs: 10 },
      nowMs: Date.now,
      newEpoch: () => 'epoch',
      rosterChanged: () => {},
    });
    const name = parseChannelName('lobby');
    assert.ok(name);
    const share = (count: number) => ({
      subject: { kind: 'channel' as const, channel: channelKey(appId(), name) },
      count,
      info: '',
      told: true,
      adopted: false,
    });
    await using _worker = await givenWorker({
      outbox: state,
      apps: [app([{ url: receiver.url }])],
    });
    await state.register(0, 'edge');
    await state.report(0, 'edge', { version: 1, after: 0 }, [share(2)]);
    await state.report(0, 'edge', { version: 2, after: 1 }, [share(0)]);
    await receiver.until(() => receiver.took.length === 2, 'both events');
    assert.deepEqual(
      receiver.took.map((event) => event.name),
      ['channel_occupied', 'channel_vacated'],
    );
  });

  it('[WH14] two workers deliver each event once, and each lane in order', async () => {
    await using receiver = await startReceiver((_, index) => (index % 5 === 3 ? 503 : 200));
    const outbox = createOutbox(8);
    const apps = [app([{ url: receiver.url }])];
    await using _one = await givenWorker({ outbox, apps, options: { maxEvents: 5 } });
    await using _two = await givenWorker({ outbox, apps, options: { maxEvents: 5 } });
    const each = 25;
    for (let index = 0; index < each; index += 1)
      for (let partition = 0; partition < 8; partition += 1)
        await outbox.append(partition, appId(), clientEvent(`private-${partition}`, String(index)));
    await receiver.until(() => receiver.took.length >= 8 * each, 'all events');
    assert.equal(new Set(receiver.tookIds).size, 8 * each);
    assert.equal(receiver.tookIds.length, 8 * each, 'none came twice');
    for (let partition = 0; partition < 8; partition += 1)
      assert.deepEqual(dataOf(receiver.took, `private-${partition}`), numbers(each));
  });
});
