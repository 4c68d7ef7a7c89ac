import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import type { RawSocket } from '../raw-socket.ts';
import { openClient } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

const CHANNELS = 100;
const EVENTS = 10;
const PATIENCE_MS = 20_000;

const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 3,
  app: {
    limits: { maxClientEventsPerSecond: 10_000 },
    webhooks: [{ url: receiver.url }],
  },
});
after(() => cluster[Symbol.asyncDispose]());
receiver.trust(cluster.serverSdk(0));

const channels = Array.from({ length: CHANNELS }, (_, n) => `private-${n}`);

async function say(sockets: readonly RawSocket[], from: number): Promise<void> {
  for (let n = from; n < from + EVENTS; n += 1) {
    for (const [index, channel] of channels.entries())
      sockets[index % sockets.length]?.send(`client-${n}`, '', channel);
    // A round trip, so that events spread over the workers' visits.
    await Promise.all(sockets.map((socket) => socket.untilPong()));
  }
}

async function expectAll(events: number): Promise<void> {
  const expected = [
    'channel_occupied',
    ...Array.from({ length: events }, (_, n) => `client_event client-${n}`),
  ];
  for (const channel of channels)
    assert.deepEqual(await receiver.storyOf(channel, events + 1, PATIENCE_MS), expected, channel);
  const told = receiver.accepted();
  const known = new Set<string>();
  const twice = told.filter(({ id }) => known.size === known.add(id).size);
  assert.deepEqual(twice, []);
  assert.equal(told.length, CHANNELS * (events + 1));
}

const delivered = async (): Promise<readonly number[]> =>
  Promise.all(
    cluster.workers.map(async (worker) => metric(worker, 'fanfare_webhook_events_delivered_total')),
  );

describe('several workers at once', () => {
  it('[FS10] share the work, and tell each event once, in the order of its channel: three, and then two', async () => {
    const sockets = [
      await openClient(
        cluster,
        0,
        channels.filter((_, n) => n % 2 === 0),
      ),
      await openClient(
        cluster,
        1,
        channels.filter((_, n) => n % 2 === 1),
      ),
    ];
    await expectAll(0);
    await say(sockets, 0);
    await expectAll(EVENTS);
    let counts: readonly number[] = [];
    await eventually(
      async () => {
        counts = await delivered();
        return counts.reduce((sum, count) => sum + count, 0) === CHANNELS * (EVENTS + 1);
      },
      () => `the workers count ${counts.join()}`,
    );
    assert.ok(Math.min(...counts) > 0, `one of the workers did nothing: ${counts.join()}`);

    const [leaving] = cluster.workers;
    assert.ok(leaving !== undefined);
    const talk = say(sockets, EVENTS);
    leaving.process.signal('SIGTERM');
    assert.deepEqual(await leaving.process.exited(), { code: 0, signal: null });
    await talk;
    await expectAll(2 * EVENTS);
    for (const socket of sockets) await socket[Symbol.asyncDispose]();
  });
});
