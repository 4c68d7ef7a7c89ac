import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PONG, succeeded } from './client.ts';
import { ControlledBus } from './controlled-bus.ts';
import { apps, keyOf, startTestEdge } from './edge-under-test.ts';

const LOBBY = keyOf('lobby');
const TIMEOUT = 'Subscription could not be completed in time, please reconnect';

/** An edge whose bus answers when the test says so. */
async function setup() {
  const bus = new ControlledBus();
  const edge = await startTestEdge({
    openBus(events) {
      bus.events = events;
      return bus;
    },
  });
  return { bus, edge };
}

describe('A subscription that waits for the bus', () => {
  it('[SB2] is not confirmed, and gets no event, before the bus has answered', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    client.subscribe('lobby');
    const asked = await bus.asked.next();
    bus.deliver(LOBBY, '"too early"');
    await client.allRead();
    assert.equal(client.inbox.size, 0);
    asked.answer();
    assert.equal(await client.next(), succeeded('lobby'));
    bus.deliver(LOBBY, '"an event"');
    assert.equal(await client.next(), '"an event"');
  });

  it('[SB3] an event that comes in the turn of the answer follows the confirmation', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    client.subscribe('lobby');
    const asked = await bus.asked.next();
    asked.answer();
    // The confirmation needs a few microtasks; a bus hands out messages in a turn of its own.
    await new Promise<void>((resolve) => setImmediate(resolve));
    bus.deliver(LOBBY, '"at once"');
    assert.equal(await client.next(), succeeded('lobby'));
    assert.equal(await client.next(), '"at once"');
  });

  it('[SB2] a second client waits for the same answer; a third needs none', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using first = await edge.connect();
    await using second = await edge.connect();
    await using third = await edge.connect();
    first.subscribe('lobby');
    const asked = await bus.asked.next();
    second.subscribe('lobby');
    await second.allRead();
    assert.equal(second.inbox.size, 0);
    asked.answer();
    assert.equal(await first.next(), succeeded('lobby'));
    assert.equal(await second.next(), succeeded('lobby'));
    await third.join('lobby');
    assert.equal(bus.asked.size, 0, 'the bus was asked once');
  });

  it('[SB3] a client that subscribes to many channels waits for one answer, not for each', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    const names = Array.from({ length: 50 }, (_, index) => `room-${index}`);
    for (const name of names) client.subscribe(name);
    const asked = await bus.asked.take(names.length);
    for (const { answer } of asked.toReversed()) answer();
    for (const name of names) assert.equal(await client.next(), succeeded(name));
  });

  it('[SB8] a second subscribe behind the first is refused and leaves one subscription', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    client.subscribe('lobby');
    client.subscribe('lobby');
    await client.allRead();
    (await bus.asked.next()).answer();
    assert.equal(await client.next(), succeeded('lobby'));
    assert.equal(await client.nextError(), 'Existing subscription to channel lobby');
    assert.equal(edge.counters.subscriptions, 1);
    client.unsubscribe('lobby');
    await edge.until(({ channels }) => channels === 0, 'the channel was let go');
    assert.deepEqual(bus.unsubscribed, [LOBBY]);
  });

  it('[SB9] unsubscribe behind it waits for it and then ends it', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    client.subscribe('lobby');
    client.unsubscribe('lobby');
    client.send('{"event":"pusher:ping"}');
    await client.allRead();
    (await bus.asked.next()).answer();
    assert.equal(await client.next(), succeeded('lobby'));
    assert.equal(await client.next(), PONG);
    assert.deepEqual(bus.unsubscribed, [LOBBY]);
    assert.equal(edge.counters.subscriptions, 0);
  });

  it('[SB10] subscribe and unsubscribe in one tick leave it unsubscribed, however often', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    for (let times = 0; times < 3; times += 1) {
      client.subscribe('lobby');
      client.unsubscribe('lobby');
    }
    await client.allRead();
    (await bus.asked.next()).answer();
    for (let times = 0; times < 3; times += 1)
      assert.equal(await client.next(), succeeded('lobby'));
    await client.nothingBefore('no error');
    assert.equal(edge.counters.subscriptions, 0);
    assert.equal(bus.wanted.size, 0);
  });

  it('[SB10] unsubscribe and subscribe in one tick leave it subscribed', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    client.subscribe('lobby');
    (await bus.asked.next()).answer();
    assert.equal(await client.next(), succeeded('lobby'));
    client.unsubscribe('lobby');
    client.subscribe('lobby');
    (await bus.asked.next()).answer();
    assert.equal(await client.next(), succeeded('lobby'));
    bus.deliver(LOBBY, '"still here"');
    assert.equal(await client.next(), '"still here"');
    assert.equal(edge.counters.subscriptions, 1);
  });

  it('[SB10] the same while another client keeps the channel alive', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    await using other = await edge.connect();
    other.subscribe('lobby');
    (await bus.asked.next()).answer();
    assert.equal(await other.next(), succeeded('lobby'));
    await client.join('lobby');
    client.unsubscribe('lobby');
    await client.join('lobby');
    bus.deliver(LOBBY, '"to both"');
    for (const each of [client, other]) assert.equal(await each.next(), '"to both"');
    assert.deepEqual(bus.unsubscribed, []);
  });
});

describe('A subscription that is not completed', () => {
  it('[ED2] a client that leaves while it waits leaves no interest behind', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    const client = await edge.connect();
    client.subscribe('lobby');
    const asked = await bus.asked.next();
    await client[Symbol.asyncDispose]();
    await edge.until(({ connections }) => connections === 0, 'the client has left');
    asked.answer();
    await edge.until(({ channels }) => channels === 0, 'the channel was let go');
    assert.deepEqual(bus.unsubscribed, [LOBBY]);
    assert.equal(edge.counters.subscriptions, 0);
  });

  it('[ED2] one that leaves takes nothing from another that waits for the same', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    const leaving = await edge.connect();
    await using staying = await edge.connect();
    leaving.subscribe('lobby');
    staying.subscribe('lobby');
    await staying.allRead();
    const asked = await bus.asked.next();
    await leaving[Symbol.asyncDispose]();
    await edge.until(({ connections }) => connections === 1, 'one has left');
    asked.answer();
    assert.equal(await staying.next(), succeeded('lobby'));
    assert.deepEqual(bus.unsubscribed, []);
    assert.equal(edge.counters.subscriptions, 1);
  });

  it('[ED3] everybody who waited is closed with 4200, others stay, and the next asks anew', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using first = await edge.connect();
    await using second = await edge.connect();
    await using other = await edge.connect();
    other.subscribe('lobby-of-another');
    (await bus.asked.next()).answer();
    assert.equal(await other.next(), succeeded('lobby-of-another'));
    for (const client of [first, second]) {
      client.subscribe('lobby');
      client.send('{"event":"pusher:ping"}');
      await client.allRead();
    }
    (await bus.asked.next()).fail();
    for (const client of [first, second]) {
      assert.equal(await client.nextError(4200), TIMEOUT);
      assert.deepEqual(await client.closedWith(), { code: 4200, reason: TIMEOUT });
    }
    assert.equal(edge.counters.channels, 1);
    await other.nothingBefore('who did not wait is not closed');
    other.subscribe('lobby');
    (await bus.asked.next()).answer();
    assert.equal(await other.next(), succeeded('lobby'));
    assert.deepEqual(bus.unsubscribed, []);
  });

  it('[ED3] a late failure takes nothing from who asked anew in the meantime', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    client.subscribe('lobby');
    (await bus.asked.next()).answer();
    assert.equal(await client.next(), succeeded('lobby'));
    client.unsubscribe('lobby');
    client.subscribe('lobby');
    const second = await bus.asked.next();
    await using other = await edge.connect(apps.main);
    other.subscribe('lobby');
    await other.allRead();
    second.fail();
    assert.equal(await client.nextError(4200), TIMEOUT);
    assert.equal(await other.nextError(4200), TIMEOUT);
    await using late = await edge.connect();
    late.subscribe('lobby');
    (await bus.asked.next()).answer();
    assert.equal(await late.next(), succeeded('lobby'));
    bus.deliver(LOBBY, '"alive"');
    assert.equal(await late.next(), '"alive"');
  });
});

describe('Frames that wait', () => {
  const ping = '{"event":"pusher:ping"}';

  it('[CN12] 2000 frames may wait; one more closes the socket with 4100', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using patient = await edge.connect();
    await using greedy = await edge.connect();
    await using neighbour = await edge.connect();
    for (const client of [patient, greedy]) {
      client.subscribe('lobby');
      for (let count = 0; count < 2000; count += 1) client.send(ping);
      await client.allRead();
      assert.equal(client.inbox.size, 0);
    }
    greedy.send(ping);
    assert.equal(await greedy.nextError(4100), 'Over capacity');
    assert.deepEqual(await greedy.closedWith(), { code: 4100, reason: 'Over capacity' });
    await neighbour.nothingBefore('a neighbour is not disturbed');
    (await bus.asked.next()).answer();
    assert.equal(await patient.next(), succeeded('lobby'));
    for (const frame of await patient.inbox.take(2000)) assert.equal(frame, PONG);
    assert.equal(edge.counters.connections, 2);
  });

  it('[CN12] a mebibyte may wait; more closes the socket with 4100', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    client.subscribe('lobby');
    const large = ping.replace('}', `,"data":"${'x'.repeat(65_536 - ping.length - 10)}"}`);
    assert.equal(large.length, 65_536);
    for (let count = 0; count < 16; count += 1) client.send(large);
    await client.allRead();
    assert.equal(client.inbox.size, 0);
    client.send(ping);
    assert.equal(await client.nextError(4100), 'Over capacity');
    await client.closedWith();
    (await bus.asked.next()).answer();
    await edge.until(({ channels }) => channels === 0, 'what waited let go of the channel');
  });

  it('[CN12] what waits no longer does not count: a busy client that is served stays', async () => {
    const { bus, edge } = await setup();
    await using _edge = edge;
    await using client = await edge.connect();
    const filling = ping.replace('}', `,"data":"${'x'.repeat(60_000)}"}`);
    // There is always something waiting, in all five times what may wait at once.
    client.subscribe('room-0');
    for (let round = 1; round <= 88; round += 1) {
      client.send(filling);
      client.subscribe(`room-${round}`);
      await client.allRead();
      (await bus.asked.next()).answer();
      assert.equal(await client.next(), succeeded(`room-${round - 1}`));
      assert.equal(await client.next(), PONG);
    }
    (await bus.asked.next()).answer();
    assert.equal(await client.next(), succeeded('room-88'));
  });
});
