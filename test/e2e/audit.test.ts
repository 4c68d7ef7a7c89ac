import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { openRawSocket, type Frame, type RawSocket } from '../raw-socket.ts';
import { PATIENCE_MS } from '../sdk.ts';
import { within } from '../support/deadline.ts';

const EDGES = 2;
const SUBSCRIBERS_PER_EDGE = 20;
const CHANNELS = Array.from({ length: 5 }, (_, n) => `audit-${n}`);
const PUBLISHERS = 6;
/** Of each publisher; half of its requests are batches of ten, and some go to several channels. */
const ROUNDS = 80;

const cluster = await startCluster({ edges: EDGES, apis: 1 });
after(() => cluster[Symbol.asyncDispose]());

/** One event, as `publisher:number`; numbers of a publisher rise within a channel. */
type Stamp = string;

/** What one subscriber saw, by channel, in its order, up to the marker. */
class Witness {
  readonly seen = new Map<string, Stamp[]>(CHANNELS.map((channel) => [channel, []]));
  readonly done: Promise<void>;
  #marked = 0;
  #finish: () => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  take({ event, channel = '', data }: Frame): void {
    if (event === 'stamp') this.seen.get(channel)?.push(String(data));
    if (event === 'marker' && (this.#marked += 1) === CHANNELS.length) this.#finish();
  }
}

/** Triggers until its rounds are over; returns what it sent to each channel, in its order. */
async function publish(publisher: number): Promise<ReadonlyMap<string, readonly Stamp[]>> {
  const sdk = cluster.serverSdk(0);
  const sent = new Map<string, Stamp[]>(CHANNELS.map((channel) => [channel, []]));
  let number = 0;
  const stamp = (...channels: readonly string[]): Stamp => {
    number += 1;
    const text = `${publisher}:${number}`;
    for (const channel of channels) sent.get(channel)?.push(text);
    return text;
  };
  const channelOf = (n: number): string => CHANNELS[(publisher + n) % CHANNELS.length] ?? '';
  for (let round = 0; round < ROUNDS; round += 1) {
    const batch = Array.from({ length: 10 }, (_, n) => {
      const channel = channelOf(round + Math.floor(n / 3));
      return { channel, name: 'stamp', data: stamp(channel) };
    });
    await sdk.triggerBatch(batch);
    const one = channelOf(round);
    await sdk.trigger(one, 'stamp', stamp(one));
    const several = [channelOf(round), channelOf(round + 1)];
    await sdk.trigger(several, 'stamp', stamp(...several));
  }
  return sent;
}

describe('sequence audit over two edges', () => {
  it('[EE33] finds 0 lost, 0 duplicated, 0 reordered, and one order for all subscribers', async (t) => {
    const sockets = await Promise.all(
      Array.from({ length: EDGES * SUBSCRIBERS_PER_EDGE }, (_, n) =>
        openRawSocket(cluster.edgeUrl(n % EDGES)),
      ),
    );
    t.after(() => Promise.all(sockets.map((socket) => socket[Symbol.asyncDispose]())));
    const witnesses = await Promise.all(sockets.map(watch));

    const sent = await Promise.all(Array.from({ length: PUBLISHERS }, (_, n) => publish(n)));
    await cluster.serverSdk(0).trigger(CHANNELS, 'marker', {});
    await within(
      Promise.all(witnesses.map(({ done }) => done)),
      PATIENCE_MS,
      () => 'not every subscriber got the marker of every channel',
    );

    let [lost, duplicated, reordered, events] = [0, 0, 0, 0];
    for (const channel of CHANNELS) {
      const streams = sent.map((of) => of.get(channel) ?? []);
      const wanted = new Set(streams.flat());
      const reference = witnesses[0]?.seen.get(channel) ?? [];
      events += wanted.size;
      for (const { seen } of witnesses) {
        const stamps = seen.get(channel) ?? [];
        const distinct = new Set(stamps);
        duplicated += stamps.length - distinct.size;
        lost += [...wanted].filter((stamp) => !distinct.has(stamp)).length;
        reordered += stamps.filter((stamp, at) => stamp !== reference[at]).length;
        for (const [publisher, stream] of streams.entries()) {
          const mine = stamps.filter((stamp) => stamp.startsWith(`${publisher}:`));
          reordered += mine.filter((stamp, at) => stamp !== stream[at]).length;
        }
      }
    }
    assert.deepEqual({ lost, duplicated, reordered }, { lost: 0, duplicated: 0, reordered: 0 });
    assert.equal(events, PUBLISHERS * ROUNDS * 13);
  });
});

async function watch(socket: RawSocket): Promise<Witness> {
  for (const channel of CHANNELS) await socket.subscribe(channel);
  const witness = new Witness();
  socket.transport.removeAllListeners('message');
  socket.transport.on('message', (bytes: Buffer) =>
    witness.take(JSON.parse(bytes.toString()) as Frame),
  );
  return witness;
}
