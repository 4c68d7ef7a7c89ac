import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CachedEvent, Place, Recalled } from '@fanfare/core';
import { eventFrame } from '@fanfare/protocol';
import { PONG, succeeded, type Client } from './client.ts';
import { ControlledBus } from './controlled-bus.ts';
import {
  apps,
  authFor,
  channel,
  keyOf,
  memoryState,
  startTestEdge,
  type Setup,
} from './edge-under-test.ts';
import { dataOf, membersIn } from './presence-cluster.ts';

const NAME = 'cache-a';
const KEY = keyOf(NAME);
const MISS = `{"event":"pusher:cache_miss","channel":"${NAME}","data":"{}"}`;
const NOTHING: Recalled = { event: undefined, isFirst: false };

/** An edge whose bus answers when the test says so. */
async function setup(part: Setup = {}) {
  const bus = new ControlledBus();
  const edge = await startTestEdge({
    ...part,
    openBus(events) {
      bus.events = events;
      return bus;
    },
  });
  /** The first that asks for the channel: the bus is asked for the topic. */
  const ask = async (client: Client, name = NAME): Promise<void> => {
    client.subscribe(name, authFor(client.id, name, { channelData: dataOf('u') }));
    (await bus.asked.next()).answer();
  };
  return { bus, edge, ask };
}

function event(seq: number, name = NAME): string {
  return eventFrame(channel(name), 'e', String(seq));
}

function at(seq: number, epoch = 'A'): Place {
  return { epoch, seq };
}

function keeps(seq: number, name = NAME, epoch = 'A'): Recalled {
  const kept: CachedEvent = { frame: event(seq, name), place: at(seq, epoch), leftMs: 1_000 };
  return { event: kept };
}

describe('Reading what a cache channel keeps', () => {
  it('[CC22] an event that comes during the read goes before an older one that was read, and before none', async () => {
    for (const read of [keeps(4), NOTHING]) {
      const { bus, edge, ask } = await setup();
      await using _edge = edge;
      await using client = await edge.connect();
      await ask(client);
      const recall = await bus.recalls.next();
      bus.deliver(KEY, event(5), null, at(5));
      bus.deliver(KEY, event(6), null, at(6));
      recall.answer(read);
      assert.equal(await client.next(), succeeded(NAME));
      assert.equal(await client.next(), event(6));
      bus.deliver(KEY, event(7), null, at(7));
      assert.equal(await client.next(), event(7));
    }
  });

  it('[CC22] an older event that comes during the read does not go before what was read', async () => {
    const { bus, edge, ask } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    await ask(client);
    const recall = await bus.recalls.next();
    bus.deliver(KEY, event(4), null, at(4));
    bus.deliver(KEY, 'a client event', null);
    recall.answer(keeps(6));
    assert.equal(await client.next(), succeeded(NAME));
    assert.equal(await client.next(), event(6));
  });

  it('[CC23] what the bus brings late is not given again nor after it, and others get it', async () => {
    const { bus, edge, ask } = await setup();
    await using _edge = edge;
    await using early = await edge.connect();
    await ask(early);
    (await bus.recalls.next()).answer(NOTHING);
    assert.deepEqual([await early.next(), await early.next()], [succeeded(NAME), MISS]);
    await using late = await edge.connect();
    late.subscribe(NAME);
    (await bus.recalls.next()).answer(keeps(3));
    assert.deepEqual([await late.next(), await late.next()], [succeeded(NAME), event(3)]);
    for (const seq of [1, 2, 3]) bus.deliver(KEY, event(seq), null, at(seq));
    assert.deepEqual(
      [await early.next(), await early.next(), await early.next()],
      [event(1), event(2), event(3)],
    );
    assert.equal(edge.counters.eventsOut, 3);
    bus.deliver(KEY, event(4), early.id as never, at(4));
    assert.equal(await late.next(), event(4));
    bus.deliver(KEY, event(5), late.id as never, at(5));
    bus.deliver(KEY, event(6), null, at(6));
    assert.equal(await late.next(), event(6));
    assert.deepEqual([await early.next(), await early.next()], [event(5), event(6)]);
    assert.equal(edge.counters.eventsOut, 3 + 1 + 1 + 2);
  });

  it('[CC23] a new epoch is later than what was read in another', async () => {
    const { bus, edge, ask } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    await ask(client);
    (await bus.recalls.next()).answer(keeps(7));
    assert.deepEqual([await client.next(), await client.next()], [succeeded(NAME), event(7)]);
    bus.deliver(KEY, event(1), null, at(1, 'B'));
    assert.equal(await client.next(), event(1));
  });

  it('[CC24] client events and members reach those as well who were given what the bus has not brought', async () => {
    const name = 'presence-cache-r';
    const { bus, edge, ask } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    await ask(client, name);
    (await bus.recalls.next()).answer(keeps(7, name));
    assert.match(await client.next(), /subscription_succeeded/);
    assert.equal(await client.next(), event(7, name));
    await using other = await edge.connect();
    other.subscribe(name, authFor(other.id, name, { channelData: dataOf('o') }));
    (await bus.recalls.next()).answer(keeps(7, name));
    assert.match(await other.next(), /subscription_succeeded/);
    assert.equal(await other.next(), event(7, name));
    assert.match(await client.next(), /member_added.*\\"o\\"/);
    bus.deliver(keyOf(name), '"from the other"', other.id as never);
    assert.equal(await client.next(), '"from the other"');
    assert.equal(edge.counters.eventsOut, 1);
    await other.nothingBefore('the sender does not hear itself');
    other.unsubscribe(name);
    assert.match(await client.next(), /member_removed.*\\"o\\"/);
    bus.deliver(keyOf(name), event(8, name), null, at(8));
    assert.equal(await client.next(), event(8, name));
    await other.nothingBefore('who has left gets nothing');
  });

  it('[CC25] one read serves all who ask in one turn, a later one has its own, other channels need none', async () => {
    const { bus, edge, ask } = await setup();
    await using _edge = edge;
    await using one = await edge.connect();
    await using two = await edge.connect();
    // Both wait for the topic, and so go on in one turn.
    for (const client of [one, two]) {
      client.subscribe(NAME);
      await client.allRead();
    }
    (await bus.asked.next()).answer();
    const recall = await bus.recalls.next();
    assert.deepEqual([recall.channel, recall.telling], [KEY, false]);
    await using three = await edge.connect();
    three.subscribe(NAME);
    const second = await bus.recalls.next();
    second.answer(keeps(2));
    assert.deepEqual([await three.next(), await three.next()], [succeeded(NAME), event(2)]);
    recall.answer(keeps(1));
    for (const client of [one, two])
      assert.deepEqual([await client.next(), await client.next()], [succeeded(NAME), event(1)]);
    await ask(one, 'lobby');
    assert.equal(await one.next(), succeeded('lobby'));
    assert.equal(bus.recalls.size, 0);
  });

  it('[CC26] frames behind the subscription wait for the read', async () => {
    const { bus, edge, ask } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    await ask(client);
    client.send('{"event":"pusher:ping"}');
    client.unsubscribe(NAME);
    client.subscribe(NAME);
    await client.allRead();
    const first = await bus.recalls.next();
    assert.equal(client.inbox.size, 0);
    first.answer(keeps(1));
    assert.deepEqual(
      [await client.next(), await client.next(), await client.next()],
      [succeeded(NAME), event(1), PONG],
    );
    (await bus.recalls.next()).answer(keeps(2));
    assert.deepEqual([await client.next(), await client.next()], [succeeded(NAME), event(2)]);
    assert.equal(edge.counters.subscriptions, 1);
  });

  it('[CC27] who leaves during the read leaves nothing behind', async () => {
    const name = 'presence-cache-r';
    const state = memoryState();
    const { bus, edge, ask } = await setup({ state });
    await using _edge = edge;
    const client = await edge.connect();
    await ask(client, name);
    const recall = await bus.recalls.next();
    assert.deepEqual(await membersIn(state.store, name), ['u']);
    await client[Symbol.asyncDispose]();
    await edge.until(({ connections }) => connections === 0, 'the client has left');
    recall.answer(keeps(1, name));
    await edge.until(({ channels }) => channels === 0, 'the channel was let go');
    assert.deepEqual([...bus.unsubscribed], [keyOf(name)]);
    assert.equal(edge.counters.cacheHits, 0);
  });

  it('[CC28] while the bus is away it is read again, until it answers', async () => {
    const { bus, edge, ask } = await setup({
      edge: { recall: { retryMs: 1, patienceMs: 60_000 } },
    });
    await using _edge = edge;
    await using client = await edge.connect(apps.main);
    await ask(client);
    for (let round = 0; round < 3; round += 1) (await bus.recalls.next()).fail();
    bus.deliver(KEY, event(1), null, at(1));
    assert.equal(client.inbox.size, 0);
    (await bus.recalls.next()).answer(NOTHING);
    assert.deepEqual([await client.next(), await client.next()], [succeeded(NAME), event(1)]);
  });

  it('[CC28] one that cannot be read in time costs its sockets a close with 4200 and leaves nothing', async () => {
    const name = 'presence-cache-r';
    const state = memoryState();
    const failed: unknown[] = [];
    const { bus, edge, ask } = await setup({
      state,
      edge: { recall: { retryMs: 1, patienceMs: 0 } },
      events: { subscribeFailed: (error) => failed.push(error) },
    });
    await using _edge = edge;
    await using bystander = await edge.connect();
    await using client = await edge.connect();
    await ask(client, name);
    (await bus.recalls.next()).fail();
    await client.nextError(4200);
    assert.equal((await client.closedWith()).code, 4200);
    assert.equal(failed.length, 1);
    await edge.until(({ channels }) => channels === 0, 'the channel was let go');
    await bystander.nothingBefore('nobody else is told');
  });
});
