import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import type { RawSocket } from '../raw-socket.ts';
import { openClient } from '../truth.ts';
import { startReceiver, titleOf, type Told } from '../webhook-receiver.ts';

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

/** What was told for the first time by each request that was accepted, and what not. */
function tellings(): { readonly fresh: readonly Told[]; readonly repeats: readonly Repeat[] } {
  const known = new Set<string>();
  const fresh: Told[] = [];
  const repeats: Repeat[] = [];
  for (const { accepted, attempt, told } of receiver.requests) {
    if (!accepted) continue;
    for (const each of told) {
      if (known.has(each.id)) repeats.push({ ...each, attempt });
      else fresh.push(each);
      known.add(each.id);
    }
  }
  return { fresh, repeats };
}

interface Repeat extends Told {
  readonly attempt: number;
}

async function expectAll(events: number): Promise<void> {
  const expected = [
    'channel_occupied',
    ...Array.from({ length: events }, (_, n) => `client_event client-${n}`),
  ];
  await eventually(
    () => tellings().fresh.length >= CHANNELS * expected.length,
    () => `${CHANNELS * expected.length} events expected, ${tellings().fresh.length} came`,
    PATIENCE_MS,
  );
  const { fresh, repeats } = tellings();
  for (const channel of channels) {
    const story = fresh.filter(({ event }) => event['channel'] === channel).map(titleOf);
    assert.deepEqual(story, expected, channel);
  }
  assert.equal(fresh.length, CHANNELS * expected.length);
  // A worker may have waited in vain for the answer of a receiver that is slow on a busy machine,
  // and says so. Nobody else has a reason to tell anything again.
  assert.deepEqual(
    repeats.filter(({ attempt }) => attempt === 1),
    [],
  );
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
