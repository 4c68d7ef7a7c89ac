import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createMemoryRosterFeeds, isFailure } from '@fanfare/core';
import { parseSocketId, type ChannelKey, type SocketId } from '@fanfare/protocol';
import { createEdgeCounters } from '../src/counters.ts';
import { Hub, type LocalChannel } from '../src/hub.ts';
import type { ClientSocket } from '../src/socket.ts';
import { ControlledBus, type Asked } from './controlled-bus.ts';
import { keyOf, startTestEdge } from './edge-under-test.ts';
import { seeds, showSeed, type Chance } from './seeded.ts';

const LOBBY = keyOf('lobby');
const ROOM = keyOf('room');

describe('Fan-out', () => {
  it('[ED1] an event is published once and counted once for every subscriber', async () => {
    const { hub, bus, counters, published } = setup();
    await subscribe(hub, bus, LOBBY, 3);
    await subscribe(hub, bus, ROOM, 1);
    bus.deliver(LOBBY, 'héllo');
    assert.deepEqual(published.splice(0), [['all', LOBBY, 'héllo']]);
    assert.deepEqual(delivered(counters), { eventsIn: 1, eventsOut: 3, eventBytesOut: 18 });
    bus.deliver(ROOM, 'x');
    assert.deepEqual(published, [['all', ROOM, 'x']]);
    assert.deepEqual(delivered(counters), { eventsIn: 2, eventsOut: 4, eventBytesOut: 19 });
  });

  it('[ED1] a channel without a confirmed subscription gets nothing and counts nothing', async () => {
    const { hub, bus, counters, published } = setup();
    const waiting = hub.acquire(LOBBY);
    bus.deliver(LOBBY, 'x');
    (await bus.asked.next()).answer();
    await waiting.ready;
    bus.deliver(LOBBY, 'x');
    hub.onMessage(ROOM, Buffer.from('x'), null, { epoch: '0', seq: 0 });
    assert.deepEqual(published, []);
    assert.deepEqual(delivered(counters), { eventsIn: 0, eventsOut: 0, eventBytesOut: 0 });
  });

  it('[ED1] an excepted subscriber here publishes itself, and is not counted', async () => {
    const { hub, bus, counters, published, join } = setup();
    await subscribe(hub, bus, LOBBY, 3);
    const sender = join('1.1', [LOBBY]);
    bus.deliver(LOBBY, 'x', sender);
    assert.deepEqual(published, [['1.1', LOBBY, 'x']]);
    assert.deepEqual(delivered(counters), { eventsIn: 1, eventsOut: 2, eventBytesOut: 2 });
  });

  it('[ED1] an excepted socket elsewhere, of another channel or gone is nobody here', async () => {
    const { hub, bus, counters, published, join } = setup();
    await subscribe(hub, bus, LOBBY, 3);
    const other = join('1.1', [ROOM]);
    const gone = join('2.2', [LOBBY]);
    hub.part(gone);
    for (const except of [other, gone, socketId('3.3')]) bus.deliver(LOBBY, 'x', except);
    assert.deepEqual(
      published,
      Array.from({ length: 3 }, () => ['all', LOBBY, 'x']),
    );
    assert.deepEqual(delivered(counters), { eventsIn: 3, eventsOut: 9, eventBytesOut: 9 });
  });

  it('[ED1] the same with real sockets: what is counted is what arrives', async () => {
    await using edge = await startTestEdge();
    await using first = await edge.connect();
    await using second = await edge.connect();
    await using bystander = await edge.connect();
    for (const client of [first, second]) await client.join('lobby');
    for (const except of [first.id, bystander.id, '3.3', null])
      await edge.trigger('lobby', { except });
    const { eventsOut } = edge.counters;
    const marker = await edge.trigger('lobby');
    const got: string[][] = [[], []];
    for (const [index, client] of [first, second].entries()) {
      for (let text = await client.next(); text !== marker; text = await client.next())
        got[index]?.push(text);
    }
    const [ofFirst = [], ofSecond = []] = got;
    assert.equal(ofSecond.length, 4);
    assert.deepEqual(ofFirst, ofSecond.slice(1));
    assert.equal(eventsOut, 0, 'the bus delivers in a turn of its own');
    assert.equal(edge.counters.eventsIn, 5);
    assert.equal(edge.counters.eventsOut, 9);
    await bystander.nothingBefore('a socket of no channel gets nothing');
  });
});

describe('Interest in channels', () => {
  it('[ED2] the first asks the bus and the last lets it go', async () => {
    const { hub, bus, counters } = setup();
    const first = hub.acquire(LOBBY);
    const second = hub.acquire(LOBBY);
    const third = hub.acquire(LOBBY);
    assert.equal(bus.asked.size, 1);
    (await bus.asked.next()).answer();
    await first.ready;
    assert.equal(hub.acquire(LOBBY).ready, undefined, 'who comes later need not wait');
    for (const local of [first, second, third]) hub.release(local);
    assert.deepEqual(bus.unsubscribed, []);
    hub.release(first);
    assert.deepEqual(bus.unsubscribed, [LOBBY]);
    assert.equal(counters.channels, 0);
  });

  it('[ED2] what was let go before the bus answered is not kept by a late answer', async () => {
    const { hub, bus, counters } = setup();
    const old = hub.acquire(LOBBY);
    const first = await bus.asked.next();
    hub.release(old);
    const young = hub.acquire(LOBBY);
    const second = await bus.asked.next();
    first.answer();
    await turn();
    assert.notEqual(young.ready, undefined, 'the answer was to the earlier question');
    second.answer();
    await young.ready;
    assert.equal(young.ready, undefined);
    assert.equal(counters.channels, 1);
    hub.release(young);
    assert.equal(bus.wanted.size, 0);
  });

  it('[ED3] a late failure of an earlier question harms nobody', async () => {
    const { hub, bus, counters } = setup();
    const old = hub.acquire(LOBBY);
    const first = await bus.asked.next();
    hub.release(old);
    const young = hub.acquire(LOBBY);
    (await bus.asked.next()).answer();
    await young.ready;
    first.fail();
    await turn();
    assert.equal(counters.channels, 1);
    assert.equal(hub.acquire(LOBBY), young);
  });

  for (const seed of seeds([1, 2, 3])) {
    it(`[ED2] stays equal to what the bus was asked for, in any order of events (seed ${seed})`, async (test) => {
      const chance = showSeed(test, seed);
      for (let run = 0; run < 20; run += 1) await new Schedule(chance).run(200);
    });
  }
});

type Counters = ReturnType<typeof createEdgeCounters>;
type Published = (readonly [by: string, channel: ChannelKey, frame: string])[];

function setup(): {
  readonly hub: Hub;
  readonly bus: ControlledBus;
  readonly counters: Counters;
  /** Who published: a socket, or `all` for the whole topic. */
  readonly published: Published;
  readonly join: (id: string, channels: readonly ChannelKey[]) => SocketId;
} {
  const counters = createEdgeCounters();
  const hub = new Hub(counters);
  const bus = new ControlledBus();
  bus.events = { onMessage: hub.onMessage, onUp() {} };
  const published: Published = [];
  const publishAs = (by: string) => (channel: ChannelKey, frame: Uint8Array) => {
    published.push([by, channel, Buffer.from(frame).toString()]);
    return true;
  };
  hub.connect({
    bus,
    feed: createMemoryRosterFeeds().open({ onChange() {}, onCount() {}, onGap() {} }),
    publish: (topic, frame, except) =>
      except === undefined ? publishAs('all')(topic, frame) : except.socket.publish(topic, frame),
    partitionOf: () => 0,
    isCounted: () => false,
    changed() {},
    join: async () => Promise.reject(new Error('nobody joins here')),
    lost() {},
    recall: async () => Promise.reject(new Error('nothing is kept here')),
    nowMs: () => 0,
  });
  const join = (name: string, channels: readonly ChannelKey[]): SocketId => {
    const id = socketId(name);
    const socket = { publish: publishAs(name) } as unknown as ClientSocket;
    hub.join(id, { socket, isSubscribed: (key) => channels.includes(key) });
    return id;
  };
  return { hub, bus, counters, published, join };
}

async function subscribe(
  hub: Hub,
  bus: ControlledBus,
  key: ChannelKey,
  count: number,
): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const local = hub.acquire(key);
    if (index === 0) (await bus.asked.next()).answer();
    await local.ready;
    hub.confirmed(local);
  }
}

function delivered({ eventsIn, eventsOut, eventBytesOut }: Counters): object {
  return { eventsIn, eventsOut, eventBytesOut };
}

function socketId(text: string): SocketId {
  const id = parseSocketId(text);
  if (id === undefined) throw new Error(`the test needs a socket id, not ${text}`);
  return id;
}

interface Holder {
  readonly local: LocalChannel;
  state: 'waiting' | 'ready' | 'failed' | 'confirmed';
}

/** Connections that come and go at random, over a bus that answers late, in any order, or not. */
class Schedule {
  readonly #chance: Chance;
  readonly #world = setup();
  readonly #channels = ['a', 'b', 'c'].map((name) => keyOf(name));
  readonly #holders = new Set<Holder>();
  #asked: Asked[] = [];
  readonly #unexpected: unknown[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      this.#check();
    }
    for (const holder of this.#holders) this.#letGo(holder);
    this.#check();
    const { bus, counters } = this.#world;
    assert.equal(bus.wanted.size, 0);
    for (const { answer } of this.#asked) answer();
    await turn();
    const { channels, subscriptions } = counters;
    assert.deepEqual({ channels, subscriptions }, { channels: 0, subscriptions: 0 });
    assert.deepEqual(this.#unexpected, []);
  }

  async #step(): Promise<void> {
    const { bus } = this.#world;
    const what = this.#chance.below(10);
    if (what < 4) this.#take();
    else if (what < 6 && this.#holders.size > 0) this.#letGo(this.#chance.of([...this.#holders]));
    else if (what < 7) this.#confirm();
    else if (what < 9 && this.#asked.length > 0) {
      const [asked] = this.#asked.splice(this.#chance.below(this.#asked.length), 1);
      if (this.#chance.below(4) === 0) asked?.fail();
      else asked?.answer();
    } else this.#deliver();
    // Some things happen in one turn.
    if (this.#chance.below(3) > 0) await turn();
    this.#asked.push(...(await bus.asked.take(bus.asked.size)));
  }

  #take(): void {
    const local = this.#world.hub.acquire(this.#chance.of(this.#channels));
    const holder: Holder = { local, state: local.ready === undefined ? 'ready' : 'waiting' };
    this.#holders.add(holder);
    local.ready?.then(
      () => (holder.state = 'ready'),
      (error: unknown) => {
        holder.state = 'failed';
        if (!isFailure(error, 'unavailable')) this.#unexpected.push(error);
      },
    );
  }

  #confirm(): void {
    const ready = [...this.#holders].filter(({ state }) => state === 'ready');
    if (ready.length === 0) return;
    const holder = this.#chance.of(ready);
    holder.state = 'confirmed';
    this.#world.hub.confirmed(holder.local);
  }

  #letGo(holder: Holder): void {
    this.#holders.delete(holder);
    if (holder.state === 'confirmed') this.#world.hub.leave(holder.local.key, socketId('9.9'));
    else this.#world.hub.release(holder.local);
  }

  #deliver(): void {
    const { bus, counters } = this.#world;
    const channel = this.#chance.of(this.#channels);
    const before = counters.eventsOut;
    bus.deliver(channel, 'x');
    const confirmed = [...this.#holders].filter(
      ({ state, local }) => state === 'confirmed' && local.key === channel,
    );
    assert.equal(counters.eventsOut - before, confirmed.length);
  }

  #check(): void {
    const { bus, counters } = this.#world;
    const holders = [...this.#holders];
    // A failure is known to the bus first, and to those who wait a few microtasks later.
    const alive = holders.filter(
      ({ state, local }) =>
        state !== 'failed' && (state !== 'waiting' || bus.wanted.has(local.key)),
    );
    const interest = new Set(alive.map(({ local }) => local.key));
    assert.deepEqual([...bus.wanted.keys()].toSorted(), [...interest].toSorted());
    const confirmed = holders.filter(({ state }) => state === 'confirmed');
    assert.equal(counters.subscriptions, confirmed.length);
  }
}
