import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describe, it } from 'node:test';
import { busContract } from '../src/contract/index.ts';
import { createMemoryNetwork, type Bus, type BusEvents, type MemoryNetwork } from '../src/index.ts';
import { channel, inTime, message } from './given.ts';

const network = createMemoryNetwork();
busContract('memory', async (events) => network.open(events));

const lobby = channel('lobby');
const MARKER = 'marker';

/** A bus that keeps what it hears, and tells when a frame of that text has come. */
interface Listening {
  readonly bus: Bus;
  readonly heard: string[];
  readonly until: (frame: string) => Promise<void>;
}

function listenOn(on: MemoryNetwork, react?: (frame: string) => void): Listening {
  const heard: string[] = [];
  const frames = new EventEmitter();
  const events: BusEvents = {
    onMessage(_channel, frame) {
      const text = Buffer.from(frame).toString('utf8');
      heard.push(text);
      react?.(text);
      frames.emit(text);
    },
    onUp() {},
  };
  return {
    bus: on.open(events),
    heard,
    until: async (frame) => {
      await inTime(once(frames, frame), `the message '${frame}'`);
    },
  };
}

describe('Memory bus', () => {
  it('[BU6] an id published once is taken again when two minutes are over, and not before', async () => {
    let nowMs = 1_000;
    const { bus, heard, until } = listenOn(createMemoryNetwork(() => nowMs));
    await bus.subscribe(lobby);
    const publish = (frame: string): Promise<void> =>
      bus.publish([message({ frame, id: 'order-7', once: true })]);
    await publish('first');
    nowMs += 119_999;
    await publish('too soon');
    nowMs += 1;
    await publish('again');
    await publish('too soon again');
    const marked = until(MARKER);
    await bus.publish([message({ frame: MARKER })]);
    await marked;
    assert.deepEqual(heard, ['first', 'again', MARKER]);
  });

  it('[BU6] an id that came by itself may come again', async () => {
    const { bus, heard, until } = listenOn(createMemoryNetwork());
    await bus.subscribe(lobby);
    const marked = until(MARKER);
    const same = { id: 'same' };
    await bus.publish(['1', '2', MARKER].map((frame) => message({ ...same, frame })));
    await marked;
    assert.deepEqual(heard, ['1', '2', MARKER]);
  });

  it('[BU1] a message crosses in a later turn, never from inside publish', async () => {
    const { bus, heard, until } = listenOn(createMemoryNetwork());
    await bus.subscribe(lobby);
    const marked = until(MARKER);
    const published = bus.publish([message({ frame: MARKER })]);
    assert.deepEqual(heard, []);
    await published;
    assert.deepEqual(heard, []);
    await marked;
  });

  it('[BU2] what is published from inside a message comes after what was published before', async () => {
    const reply = (frame: string): void => {
      if (frame === 'question') void one.bus.publish([message({ frame: MARKER })]);
    };
    const one = listenOn(createMemoryNetwork(), reply);
    await one.bus.subscribe(lobby);
    const marked = one.until(MARKER);
    await one.bus.publish([message({ frame: 'question' }), message({ frame: 'next' })]);
    await marked;
    assert.deepEqual(one.heard, ['question', 'next', MARKER]);
  });

  it('[BU5] a message on its way is not handed out once its channel was left', async () => {
    const { bus, heard, until } = listenOn(createMemoryNetwork());
    await bus.subscribe(lobby);
    await bus.subscribe(channel('other'));
    const marked = until(MARKER);
    await bus.publish([message({ frame: 'late' })]);
    bus.unsubscribe(lobby);
    await bus.publish([message({ channel: channel('other'), frame: MARKER })]);
    await marked;
    assert.deepEqual(heard, [MARKER]);
  });

  it('[BU9] a message on its way to a bus that was closed is not handed out, to others it is', async () => {
    const shared = createMemoryNetwork();
    const [leaving, staying] = [listenOn(shared), listenOn(shared)];
    await leaving.bus.subscribe(lobby);
    await staying.bus.subscribe(lobby);
    const marked = staying.until(MARKER);
    await leaving.bus.publish([message({ frame: MARKER })]);
    await leaving.bus[Symbol.asyncDispose]();
    await marked;
    assert.deepEqual(leaving.heard, []);
    assert.equal(staying.bus.up, true);
  });

  it('[BU7] networks know nothing of each other', async () => {
    const [here, there] = [listenOn(createMemoryNetwork()), listenOn(createMemoryNetwork())];
    await here.bus.subscribe(lobby);
    await there.bus.subscribe(lobby);
    const marked = there.until(MARKER);
    await here.bus.publish([message({ frame: 'here' })]);
    await there.bus.publish([message({ frame: MARKER })]);
    await marked;
    assert.deepEqual(there.heard, [MARKER]);
  });

  it('[BU4] a message whose id no envelope can carry is refused by publish', async () => {
    const { bus } = listenOn(createMemoryNetwork());
    for (const id of ['', 'a:b', 'a\nb'])
      await assert.rejects(bus.publish([message({ id })]), /an id that no envelope can carry/);
  });
});
