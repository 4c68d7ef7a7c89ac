import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  appOfKey,
  broadcastChannel,
  channelKey,
  parseAppId,
  parseChannelName,
  parseSocketId,
} from '@fanfare/protocol';
import type { ChannelKey, SocketId } from '@fanfare/protocol';
import { isFailure } from '../failure.ts';
import { freeKey, freeNames } from './free-names-contract.ts';
import type { Bus, BusEvents, BusMessage } from '../ports/bus.ts';

/** Opens a bus of one process; those opened by the same call share a network. */
export type OpenBus = (events: BusEvents) => Promise<Bus>;

/** What every bus means, whatever it is made of. The rules are in this package's SPEC.md. */
export function busContract(implementation: string, openBus: OpenBus): void {
  describe(`Bus contract: ${implementation}`, () => {
    it('[BU1] a message reaches the subscribers of its channel in every process', async () => {
      const [here, there] = [listener(), listener()];
      await using publisher = await openBus(here.events);
      await using subscriber = await openBus(there.events);
      await publisher.subscribe(lobby);
      await subscriber.subscribe(lobby);
      await publisher.publish([message({ frame: 'hello' })]);
      assert.equal((await here.next()).frame, 'hello');
      assert.equal((await there.next()).frame, 'hello');
    });

    it('[BU2] messages of one channel arrive in the order they were published', async () => {
      const heard = listener();
      await using publisher = await openBus(listener().events);
      await using subscriber = await openBus(heard.events);
      await subscriber.subscribe(lobby);
      const frames = Array.from({ length: 300 }, (_, index) => String(index));
      for (let at = 0; at < frames.length; at += 7)
        void publisher.publish(frames.slice(at, at + 7).map((frame) => message({ frame })));
      for (const frame of frames) assert.equal((await heard.next()).frame, frame);
    });

    it('[BU2] all subscribers of a channel see the messages of several publishers in one order', async () => {
      const [one, two] = [listener(), listener()];
      await using first = await openBus(one.events);
      await using second = await openBus(two.events);
      await first.subscribe(lobby);
      await second.subscribe(lobby);
      for (let index = 0; index < 100; index += 1) {
        void first.publish([message({ frame: `first ${index}` })]);
        void second.publish([message({ frame: `second ${index}` })]);
      }
      const seen: string[] = [];
      for (let index = 0; index < 200; index += 1) seen.push((await one.next()).frame);
      for (const frame of seen) assert.equal((await two.next()).frame, frame);
    });

    it('[BU3] once subscribe has resolved, the next publish of any process arrives', async () => {
      await using publisher = await openBus(listener().events);
      const heard = listener();
      await using subscriber = await openBus(heard.events);
      for (let index = 0; index < 50; index += 1) {
        const channel = key(`room-${index}`);
        await subscriber.subscribe(channel);
        await publisher.publish([message({ channel, frame: channel })]);
        assert.equal((await heard.next()).channel, channel);
      }
    });

    it('[US14] a message for the edges themselves reaches every process that holds the channel, and no socket', async () => {
      const [here, there] = [listener(), listener()];
      await using publisher = await openBus(here.events);
      await using subscriber = await openBus(there.events);
      for (const bus of [publisher, subscriber]) await bus.subscribe(lobby);
      await publisher.publish([
        message({ frame: 'terminate 7 ü', control: true }),
        message({ frame: 'unrecorded', control: true, recorded: false }),
        message({ frame: 'an event' }),
      ]);
      for (const heard of [here, there]) {
        assert.deepEqual(await heard.next(), { channel: lobby, frame: 'an event', except: null });
        assert.deepEqual(heard.control, [
          [lobby, 'terminate 7 ü'],
          [lobby, 'unrecorded'],
        ]);
      }
      const without: BusEvents = { onMessage() {}, onUp() {} };
      await using deaf = await openBus(without);
      await deaf.subscribe(lobby);
      await publisher.publish([message({ frame: 'x', control: true }), message({ frame: 'y' })]);
      assert.equal((await here.next()).frame, 'y');
    });

    it('[BU4] the frame arrives byte for byte, and the excepted socket with it', async () => {
      const heard = listener();
      await using bus = await openBus(heard.events);
      await bus.subscribe(lobby);
      const frames = [
        '',
        '\n',
        'a:b:c\n:d',
        '"\\u0000\u0000"',
        'grüße 𝒳 \u2028',
        'x'.repeat(60_000),
      ];
      for (const frame of frames) await bus.publish([message({ frame, except: socket })]);
      for (const frame of frames)
        assert.deepEqual(await heard.next(), { channel: lobby, frame, except: socket });
      await bus.publish([message({ frame: 'to all', except: null })]);
      assert.equal((await heard.next()).except, null);
    });

    it('[WM11] channels of any name have messages of their own, and what is for everybody another', async () => {
      const heard = listener();
      await using bus = await openBus(heard.events);
      const everybody = channelKey(appOfKey(lobby), broadcastChannel);
      const channels = [everybody, ...freeNames.map((name) => freeKey(name))];
      for (const channel of channels) await bus.subscribe(channel);
      await bus.publish(
        channels.map((channel) => message({ channel, frame: channel, once: true })),
      );
      const got = new Set<ChannelKey>();
      while (got.size < channels.length) {
        const { channel, frame } = await heard.next();
        assert.equal(frame, channel);
        assert.equal(got.has(channel), false, channel);
        got.add(channel);
      }
    });

    it('[BU5] after unsubscribe nothing of the channel is handed out, and a later subscribe works', async () => {
      const heard = listener();
      await using bus = await openBus(heard.events);
      const marker = key('marker');
      await bus.subscribe(marker);
      await bus.subscribe(lobby);
      bus.unsubscribe(lobby);
      await bus.publish([
        message({ frame: 'unheard' }),
        message({ channel: marker, frame: 'end' }),
      ]);
      assert.equal((await heard.next()).frame, 'end');
      await bus.subscribe(lobby);
      await bus.publish([message({ frame: 'heard again' })]);
      assert.equal((await heard.next()).frame, 'heard again');
    });

    it('[BU5] subscribing twice hands each message out once, and one unsubscribe ends both', async () => {
      const heard = listener();
      await using bus = await openBus(heard.events);
      const marker = key('marker');
      await bus.subscribe(marker);
      await Promise.all([bus.subscribe(lobby), bus.subscribe(lobby)]);
      await bus.publish([
        message({ frame: 'once' }),
        message({ channel: marker, frame: 'mark 1' }),
      ]);
      const first = [(await heard.next()).frame, (await heard.next()).frame];
      assert.deepEqual(first.toSorted(), ['mark 1', 'once']);
      bus.unsubscribe(lobby);
      await bus.publish([
        message({ frame: 'unheard' }),
        message({ channel: marker, frame: 'mark 2' }),
      ]);
      assert.equal((await heard.next()).frame, 'mark 2');
    });

    it('[BU6] a message published once is taken once, however often it is repeated', async () => {
      const heard = listener();
      await using one = await openBus(heard.events);
      await using two = await openBus(listener().events);
      await one.subscribe(lobby);
      const repeated = message({ frame: 'paid', id: 'order-7', once: true });
      await one.publish([repeated, repeated]);
      await two.publish([repeated]);
      await two.publish([message({ frame: 'end' })]);
      assert.equal((await heard.next()).frame, 'paid');
      assert.equal((await heard.next()).frame, 'end');
    });

    it('[BU6] an id published once on one channel is free on every other', async () => {
      const heard = listener();
      await using bus = await openBus(heard.events);
      const channels = [lobby, key('other'), key('lobby', '1002')];
      for (const channel of channels) await bus.subscribe(channel);
      await bus.publish(channels.map((channel) => message({ channel, id: 'same', once: true })));
      const reached = [
        (await heard.next()).channel,
        (await heard.next()).channel,
        (await heard.next()).channel,
      ];
      assert.deepEqual(reached.toSorted(), channels.toSorted());
    });

    it('[BU7] a channel name reaches itself only: not another app, not a pattern', async () => {
      const heard = listener();
      await using bus = await openBus(heard.events);
      const names = ['a', 'a.', 'a;b', 'A', 'a,b', '#server-to-user-a', '@=-_.;,'];
      for (const name of names) await bus.subscribe(key(name));
      for (const name of [...names, 'aa', 'b', 'end'])
        await bus.publish([message({ channel: key(name, '1002') })]);
      for (const name of names) {
        await bus.publish([message({ channel: key(name), frame: name })]);
        assert.deepEqual(await heard.next(), { channel: key(name), frame: name, except: null });
      }
    });

    it('[BU8] an unrecorded message arrives like any other', async () => {
      const heard = listener();
      await using bus = await openBus(heard.events);
      await bus.subscribe(lobby);
      await bus.publish([message({ frame: 'fleeting', recorded: false, except: socket })]);
      assert.deepEqual(await heard.next(), { channel: lobby, frame: 'fleeting', except: socket });
    });

    it('[BU9] a closed bus refuses work with a Failure and says that it is down', async () => {
      const bus = await openBus(listener().events);
      assert.equal(bus.up, true);
      await bus[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
      assert.equal(bus.up, false);
      await assert.rejects(bus.publish([message({})]), (error) => isFailure(error, 'closed'));
      await assert.rejects(bus.subscribe(lobby), (error) => isFailure(error, 'closed'));
      bus.unsubscribe(lobby);
    });
  });
}

const socket = required(parseSocketId('12.34'));
const lobby = key('lobby');

function key(name: string, app = '1001'): ChannelKey {
  return channelKey(required(parseAppId(app)), required(parseChannelName(name)));
}

function required<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}

let messages = 0;

function message(part: Partial<BusMessage>): BusMessage {
  messages += 1;
  return {
    channel: lobby,
    frame: `frame ${messages}`,
    except: null,
    id: `id-${process.pid}-${messages}`,
    recorded: true,
    once: false,
    ...part,
  };
}

interface Heard {
  readonly channel: ChannelKey;
  readonly frame: string;
  readonly except: SocketId | null;
}

/** How long a message may take before the test fails; a bus in one machine needs milliseconds. */
const PATIENCE_MS = 10_000;

interface Listener {
  readonly events: BusEvents;
  /** What came for the process itself. */
  readonly control: (readonly [channel: ChannelKey, text: string])[];
  next(): Promise<Heard>;
}

function listener(): Listener {
  const heard: Heard[] = [];
  const control: (readonly [ChannelKey, string])[] = [];
  let waiting: ((value: Heard) => void) | undefined;
  return {
    events: {
      onMessage(channel, frame, except) {
        // Copied here, as a receiver must: the view is not ours after this call.
        const value = { channel, frame: Buffer.from(frame).toString('utf8'), except };
        if (waiting === undefined) heard.push(value);
        else waiting(value);
        waiting = undefined;
      },
      onControl(channel, text) {
        control.push([channel, text]);
      },
      onUp() {
        // What happens to the link is proved by the implementation's own tests.
      },
    },
    control,
    async next() {
      const value = heard.shift();
      if (value !== undefined) return value;
      return new Promise<Heard>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no message within ${PATIENCE_MS} ms`)),
          PATIENCE_MS,
        );
        waiting = (late) => {
          clearTimeout(timer);
          resolve(late);
        };
      });
    },
  };
}
