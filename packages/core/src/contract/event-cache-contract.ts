import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import {
  channelKey,
  parseAppId,
  parseChannelName,
  parseSocketId,
  type ChannelKey,
} from '@fanfare/protocol';
import type { Place } from '../envelope.ts';
import { eventCacheTimes, type EventCacheTimes } from '../event-cache.ts';
import { isFailure } from '../failure.ts';
import type { Bus, BusEvents, BusMessage } from '../ports/bus.ts';
import type { CachedEvent } from '../ports/event-cache.ts';

/** Busses of one network whose cache has these times; each `open` is another process. */
export interface CachesUnderTest extends AsyncDisposable {
  open(events: BusEvents): Promise<Bus>;
}

export type OpenCaches = (times: EventCacheTimes) => Promise<CachesUnderTest>;

/** What every cache of events means, whatever it is made of. The rules are in this package's SPEC.md. */
export function eventCacheContract(implementation: string, openCaches: OpenCaches): void {
  const opened = async (times: Partial<EventCacheTimes> = {}): Promise<Caches> =>
    Caches.open(openCaches, { ...eventCacheTimes, ...times });

  describe(`Event cache contract: ${implementation}`, () => {
    it('[CC1] what was published last to a cache channel is kept as it is, for every process, with nobody subscribed', async () => {
      await using caches = await opened();
      const frames = ['first', '', 'a:b\n:c', 'grüße 𝒳 \u2028', 'x'.repeat(60_000)];
      for (const name of NAMES) {
        const channel = key(name);
        for (const frame of frames) {
          await caches.one.publish([message({ channel, frame })]);
          for (const bus of [caches.one, caches.two])
            assert.equal((await kept(bus, channel)).frame, frame);
        }
      }
    });

    it('[CC1] of one call the last message of each channel is kept, also if it excepts a socket', async () => {
      await using caches = await opened();
      const except = parseSocketId('1.2') ?? null;
      await caches.one.publish([
        message({ frame: 'one' }),
        message({ channel: other, frame: 'elsewhere' }),
        message({ frame: 'two', except }),
      ]);
      assert.equal((await kept(caches.two)).frame, 'two');
      assert.equal((await kept(caches.two, other)).frame, 'elsewhere');
    });

    it('[CC2] an unrecorded message changes nothing, and a channel of another kind keeps nothing', async () => {
      await using caches = await opened();
      await caches.one.publish([message({ frame: 'recorded' })]);
      await caches.one.publish([message({ frame: 'client event', recorded: false })]);
      assert.equal((await kept(caches.one)).frame, 'recorded');
      for (const name of ['lobby', 'private-a', 'presence-a', 'x-cache-a', 'cache']) {
        await caches.one.publish([message({ channel: key(name) })]);
        assert.equal(await caches.miss(key(name)), 'again');
      }
    });

    it('[CC3] a message that is taken once is kept once: a repeat does not bring it back', async () => {
      await using caches = await opened();
      const once = message({ frame: 'paid', id: 'order-7', once: true });
      await caches.one.publish([once, message({ frame: 'later' })]);
      await caches.two.publish([once]);
      assert.equal((await kept(caches.one)).frame, 'later');
    });

    it('[CC4] a channel keeps its own only: no other app’s, no other name’s', async () => {
      await using caches = await opened();
      await caches.one.publish([message({ frame: 'ours' })]);
      for (const channel of [key('cache-a', '1002'), key('cache-'), key('cache-a.'), other])
        assert.equal(await caches.miss(channel), 'again');
    });

    it('[CC5] what is kept has the place at which it is delivered, and places of a channel grow', async () => {
      await using caches = await opened();
      const places: Place[] = [];
      const heard: string[] = [];
      const arrived = new Promise<void>((resolve) => {
        caches.hear = (frame, place) => {
          heard.push(frame);
          places.push({ epoch: place.epoch, seq: place.seq });
          if (frame === 'end') resolve();
        };
      });
      await caches.one.subscribe(channelA);
      const found: CachedEvent[] = [];
      for (const frame of ['1', '2', '3']) {
        await caches.two.publish([message({ frame }), message({ frame: 'x', recorded: false })]);
        found.push(await kept(caches.two));
      }
      await caches.two.publish([message({ frame: 'end' })]);
      await within(arrived, 'the events did not arrive');
      assert.deepEqual(heard, ['1', 'x', '2', 'x', '3', 'x', 'end']);
      const recorded = places.filter(({ seq }) => seq > 0);
      assert.deepEqual(
        found.map(({ place }) => place),
        recorded.slice(0, 3),
      );
      assert.equal(places.length - recorded.length, 3);
      assert.equal(new Set(recorded.map(({ epoch }) => epoch)).size, 1);
      const seqs = recorded.map(({ seq }) => seq);
      assert.deepEqual(
        seqs.toSorted((a, b) => a - b),
        seqs,
      );
      assert.equal(new Set(seqs).size, 4);
    });

    it('[CC6] an event is kept for half an hour, and each one begins anew', async () => {
      await using caches = await opened();
      await caches.one.publish([message({})]);
      const first = (await kept(caches.one)).leftMs;
      assert.ok(first > 1_790_000 && first <= 1_800_000, `${first} ms`);
      const later = await until(async () => {
        const { leftMs } = await kept(caches.one);
        return leftMs < first ? leftMs : undefined;
      }, 'its time does not run');
      await caches.one.publish([message({})]);
      assert.ok((await kept(caches.one)).leftMs >= later);
    });

    it('[CC6] an event whose time is over is gone', async () => {
      await using caches = await opened({ eventMs: 40 });
      await caches.one.publish([message({})]);
      const miss = async (): Promise<true | undefined> =>
        (await caches.two.recall(channelA, false)).event === undefined || undefined;
      await until(miss, 'it is kept for ever');
      await caches.one.publish([message({ frame: 'new' })]);
    });

    it('[CC7] of all who miss at one time, in any process, one is the first', async () => {
      await using caches = await opened();
      const asked = Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? caches.one : caches.two).recall(channelA, true),
      );
      const firsts = (await Promise.all(asked)).filter(
        (recalled) => recalled.event === undefined && recalled.isFirst,
      );
      assert.equal(firsts.length, 1);
      assert.equal(await caches.miss(other, true), 'first');
    });

    it('[CC7] who tells nobody is not the first, and takes nothing from those who do', async () => {
      await using caches = await opened();
      assert.equal(await caches.miss(channelA, false), 'again');
      assert.equal(await caches.miss(channelA, true), 'first');
      assert.equal(await caches.miss(channelA, true), 'again');
      assert.equal(await caches.miss(channelA, false), 'again');
    });

    it('[CC8] a miss is told again when some seconds are over', async () => {
      await using caches = await opened({ missMs: 40 });
      assert.equal(await caches.miss(channelA, true), 'first');
      await until(
        async () => (await caches.miss(channelA, true)) === 'first' || undefined,
        'no other miss is told',
      );
    });

    it('[CC8] an event ends the silence: what is missed behind it is told at once', async () => {
      await using caches = await opened({ eventMs: 40 });
      assert.equal(await caches.miss(channelA, true), 'first');
      await caches.two.publish([message({})]);
      const missed = await until(async () => {
        const recalled = await caches.one.recall(channelA, true);
        return recalled.event === undefined ? recalled : undefined;
      }, 'it is kept for ever');
      assert.equal(missed.isFirst, true);
    });

    it('[CC9] a closed bus tells nothing', async () => {
      await using caches = await opened();
      await caches.one[Symbol.asyncDispose]();
      await assert.rejects(caches.one.recall(channelA, true), (error) =>
        isFailure(error, 'closed'),
      );
    });
  });
}

/** Two processes. */
class Caches implements AsyncDisposable {
  readonly one: Bus;
  readonly two: Bus;
  /** Every message that the first of them hears. */
  hear: (frame: string, place: Place) => void;
  readonly #close: () => Promise<void>;

  private constructor(one: Bus, two: Bus, close: () => Promise<void>) {
    this.one = one;
    this.two = two;
    this.hear = () => undefined;
    this.#close = close;
  }

  static async open(openCaches: OpenCaches, times: EventCacheTimes): Promise<Caches> {
    const under = await openCaches(times);
    const one = await under.open({
      onMessage: (_channel, frame, _except, place) =>
        caches.hear(Buffer.from(frame).toString('utf8'), place),
      onUp() {},
    });
    const two = await under.open({ onMessage() {}, onUp() {} });
    const caches = new Caches(one, two, async () => {
      for (const each of [one, two, under]) await each[Symbol.asyncDispose]();
    });
    return caches;
  }

  /** Fails when something is kept there. */
  async miss(channel: ChannelKey, telling = false): Promise<'first' | 'again'> {
    const recalled = await this.one.recall(channel, telling);
    assert.equal(recalled.event, undefined);
    return recalled.event === undefined && recalled.isFirst ? 'first' : 'again';
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

async function kept(bus: Bus, channel = channelA): Promise<CachedEvent> {
  const { event } = await bus.recall(channel, true);
  assert.ok(event !== undefined, `${channel} keeps nothing`);
  return event;
}

const PATIENCE_MS = 10_000;

/** For what comes true by time alone, and tells nobody. */
async function until<T>(ask: () => Promise<T | undefined>, sentence: string): Promise<T> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > endMs) throw new Error(`${sentence}: ${PATIENCE_MS} ms are over`);
    await pause(5);
  }
}

async function within<T>(expected: Promise<T>, sentence: string): Promise<T> {
  const late = new AbortController();
  const ending = pause(PATIENCE_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${sentence} within ${PATIENCE_MS} ms`);
  });
  try {
    return await Promise.race([expected, ending]);
  } finally {
    ending.catch(() => {});
    late.abort();
  }
}

/** One of each kind of cache channel. */
const NAMES = ['cache-k', 'private-cache-k', 'private-encrypted-cache-k', 'presence-cache-k'];
const channelA = key('cache-a');
const other = key('cache-b');

function key(name: string, app = '1001'): ChannelKey {
  const [id, channel] = [parseAppId(app), parseChannelName(name)];
  assert.ok(id !== undefined && channel !== undefined);
  return channelKey(id, channel);
}

let messages = 0;

function message(part: Partial<BusMessage>): BusMessage {
  messages += 1;
  return {
    channel: channelA,
    frame: `frame ${messages}`,
    except: null,
    id: `id-${process.pid}-${messages}`,
    recorded: true,
    once: false,
    ...part,
  };
}
