import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failure } from '@fanfare/core';
import { ControlledBus } from './controlled-bus.ts';
import { apps, keyOf, memoryState, startTestEdge, type StateOfTest } from './edge-under-test.ts';
import { Inbox } from './inbox.ts';
import { startCluster } from './presence-cluster.ts';
import { askToSignIn, nextSuccess, signedIn, signIn, userChannel } from './signed-in.ts';

const OWN = userChannel('7');
const TIMEOUT = 'Subscription could not be completed in time, please reconnect';

describe('Signing in while something goes wrong', () => {
  it('[US30] the success comes when the bus delivers, and what is behind it waits', async () => {
    const bus = new ControlledBus();
    await using edge = await startTestEdge({ openBus: withEvents(bus) });
    await using client = await edge.connect();
    askToSignIn(client, '{"id":"7"}');
    client.send('{"event":"pusher:ping"}');
    const asked = await bus.asked.next();
    assert.equal(asked.channel, keyOf(OWN));
    await client.allRead();
    assert.equal(client.inbox.size, 0);
    asked.answer();
    await nextSuccess(client, '{"id":"7"}');
    assert.match(await client.next(), /pong/);
    bus.deliver(keyOf(OWN), 'an event');
    assert.equal(await client.next(), 'an event');
  });

  it('[US30] a bus that does not deliver in time costs the socket a close with 4200, and no other', async () => {
    const bus = new ControlledBus();
    await using edge = await startTestEdge({ openBus: withEvents(bus) });
    await using client = await edge.connect();
    await using other = await edge.connect();
    askToSignIn(client, '{"id":"7"}');
    (await bus.asked.next()).fail();
    assert.equal(await client.nextError(4200), TIMEOUT);
    assert.deepEqual(await client.closedWith(), { code: 4200, reason: TIMEOUT });
    await other.nothingBefore('nothing is told to others');
    assert.equal(edge.counters.channels, 0);
  });

  it('[US30] the store is asked until it answers', async () => {
    let failures = 2;
    const state = withReads(async (read) => {
      failures -= 1;
      if (failures >= 0) throw new Failure('unavailable', 'away');
      return read();
    });
    const failed = new Inbox<unknown>('failed calls');
    await using edge = await startTestEdge({ state, events: { stateFailed: failed.push } });
    await using client = await edge.connect();
    await signIn(client, '7');
    assert.equal(failed.size, 2);
  });

  it('[US32] who goes while it signs in leaves nothing behind, and a second one of the user does not wait in vain', async () => {
    const gate = new Inbox<() => void>('reads of terminations');
    const state = withReads(async (read) => {
      await new Promise<void>((resolve) => gate.push(resolve));
      return read();
    });
    await using edge = await startTestEdge({ state });
    const leaving = await edge.connect();
    await using staying = await edge.connect();
    for (const client of [leaving, staying]) {
      askToSignIn(client, '{"id":"7"}');
      await client.allRead();
    }
    const answer = await gate.next();
    await leaving[Symbol.asyncDispose]();
    await edge.until(({ connections }) => connections === 1, 'the client has left');
    answer();
    // The second came while the first was being read.
    void gate.next().then(
      (go) => go(),
      () => undefined,
    );
    await nextSuccess(staying, '{"id":"7"}');
    await edge.until(({ signedIn: count }) => count === 1, 'one is signed in');
    await staying[Symbol.asyncDispose]();
    await edge.until(({ channels, signedIn: count }) => channels + count === 0, 'all is let go');
  });

  it('[US31] the store counts who is signed in, and a stop gives them back', async () => {
    await using cluster = await startCluster();
    const { one, two, store } = cluster;
    await using a = await signedIn(one, '7');
    await using b = await signedIn(two, '7');
    await b.join(OWN);
    await cluster.untilCounted(2, OWN);
    assert.equal(one.counters.signedIn, 1);
    assert.deepEqual(await store.occupied(apps.main.id, ''), []);
    await a[Symbol.asyncDispose]();
    await cluster.untilCounted(1, OWN);
    await one.until(({ signedIn: count }) => count === 0, 'nobody is signed in');
    await two.edge.stop('at-once');
    assert.deepEqual(await store.counts([keyOf(OWN)]), [{ subscriptions: 0, users: 0 }]);
  });
});

function withEvents(bus: ControlledBus) {
  return (events: ControlledBus['events']): ControlledBus => {
    bus.events = events;
    return bus;
  };
}

/** A state whose reads of terminations go by way of the test. */
function withReads(
  around: (read: () => Promise<readonly number[]>) => Promise<readonly number[]>,
): StateOfTest {
  const memory = memoryState();
  return {
    ...memory,
    store: {
      ...memory.store,
      terminations: (users) => around(() => memory.store.terminations(users)),
    },
  };
}
