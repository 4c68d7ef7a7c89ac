import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryNetwork, terminationText, type BusEvents } from '@fanfare/core';
import { apps, authFor, keyOf, memoryState, startTestEdge } from './edge-under-test.ts';
import { Inbox } from './inbox.ts';
import { joinAs, presenceOf, ROOM, startCluster } from './presence-cluster.ts';
import {
  askToSignIn,
  assertTerminated,
  nextSuccess,
  signedIn,
  signIn,
  terminate,
  userChannel,
} from './signed-in.ts';

const OWN = userChannel('7');

describe('Terminating the connections of a user', () => {
  it('[US8] closes every socket that is signed in as the user, on both edges, and no other', async () => {
    await using cluster = await startCluster();
    const { one, two, store } = cluster;
    await using a = await signedIn(one, '7');
    await using b = await signedIn(two, '7');
    await using c = await signedIn(two, '7');
    await b.join(OWN);
    await using other = await signedIn(one, '70');
    await using member = await one.connect();
    await joinAs(member, '7');
    await using foreign = await two.connect(apps.other);
    await signIn(foreign, '7', {}, { app: apps.other });
    await terminate({ store, publisher: one.publisher }, '7');
    for (const client of [a, b, c]) await assertTerminated(client);
    for (const client of [other, member, foreign]) await client.nothingBefore('the others stay');
    await cluster.untilCounted(0, OWN);
    assert.deepEqual([one.counters.terminated, two.counters.terminated], [1, 2]);
    assert.deepEqual([one.counters.signedIn, two.counters.signedIn], [1, 1]);
  });

  it('[US8] whoever signs in afterwards stays, also when the message comes again', async () => {
    await using cluster = await startCluster();
    const { one, store } = cluster;
    const { publisher } = one;
    await using before = await signedIn(one, '7');
    const number = await terminate({ store, publisher }, '7');
    await assertTerminated(before);
    await using after = await signedIn(one, '7');
    const message = { channel: keyOf(OWN), except: null, recorded: true, once: false } as const;
    const control = { ...message, frame: terminationText(number), id: 'again', control: true };
    await publisher.publish([control]);
    const marker = await one.trigger(OWN);
    assert.equal(await after.next(), marker);
    await terminate({ store, publisher }, '7');
    await assertTerminated(after);
  });

  it('[US38] what there is of users is counted', async () => {
    await using cluster = await startCluster();
    const { one, store } = cluster;
    await using a = await signedIn(one, '7', { watchlist: ['8', '9'] });
    await using b = await signedIn(one, '7', { watchlist: ['9'] });
    await one.until(({ watchedUsers }) => watchedUsers === 2, 'two are watched');
    assert.deepEqual([one.counters.signedIn, one.counters.terminated], [2, 0]);
    await terminate({ store, publisher: one.publisher }, '7');
    for (const client of [a, b]) await client.closedWith();
    await one.until(({ signedIn: count }) => count === 0, 'nobody is signed in');
    assert.deepEqual([one.counters.watchedUsers, one.counters.terminated], [0, 2]);
  });

  it('[US8] a user whom nobody knows', async () => {
    await using cluster = await startCluster();
    const { one, store } = cluster;
    await using client = await signedIn(one, '7');
    await terminate({ store, publisher: one.publisher }, 'nobody');
    await client.nothingBefore('it is not meant');
    assert.equal(one.counters.terminated, 0);
  });

  it('[US33] what the edge missed it finds when its bus is back, and who signed in since stays', async () => {
    const memory = memoryState();
    const network = createMemoryNetwork();
    const handlers: BusEvents[] = [];
    await using edge = await startTestEdge({
      state: memory,
      openBus(events) {
        handlers.push(events);
        return network.open(events);
      },
    });
    await using missed = await signedIn(edge, '7');
    await using other = await signedIn(edge, '8');
    // Nobody tells the edge of it.
    await memory.store.terminate(keyOf(OWN));
    await using since = await edge.connect();
    askToSignIn(since, '{"id":"7"}');
    await nextSuccess(since, '{"id":"7"}');
    // To let somebody in, the store was asked; so it was found already.
    await assertTerminated(missed);
    await memory.store.terminate(keyOf(userChannel('8')));
    handlers[0]?.onUp(false);
    await other.nothingBefore('while the bus is away nothing is asked');
    handlers[0]?.onUp(true);
    await assertTerminated(other);
    await since.nothingBefore('who signed in since stays');
    handlers[0]?.onUp(true);
    await since.nothingBefore('and again');
  });

  it('[US33] one that is told while the store answers ends the sign-in that came before it, and not the one behind it', async () => {
    const memory = memoryState();
    const gate = new Inbox<() => void>('reads of terminations');
    const state = {
      ...memory,
      store: {
        ...memory.store,
        async terminations(...args: Parameters<typeof memory.store.terminations>) {
          const read = await memory.store.terminations(...args);
          await new Promise<void>((resolve) => gate.push(resolve));
          return read;
        },
      },
    };
    const network = createMemoryNetwork();
    const handlers: BusEvents[] = [];
    await using edge = await startTestEdge({
      state,
      network,
      openBus(events) {
        handlers.push(events);
        return network.open(events);
      },
    });
    await using before = await edge.connect();
    askToSignIn(before, '{"id":"7"}');
    const answer = await gate.next();
    await terminate({ store: memory.store, publisher: edge.publisher }, '7');
    await using behind = await edge.connect();
    await behind.join('lobby');
    const frame = await edge.trigger('lobby');
    assert.equal(await behind.next(), frame, 'the termination has arrived');
    askToSignIn(behind, '{"id":"7"}');
    await behind.allRead();
    answer();
    await assertTerminated(before);
    (await gate.next())();
    await nextSuccess(behind, '{"id":"7"}');
    handlers[0]?.onUp(true);
    (await gate.next())();
    await behind.nothingBefore('it came after the termination');
    assert.deepEqual([edge.counters.signedIn, edge.counters.terminated], [1, 1]);
  });

  it('[US33] a text that an older edge does not know is passed over', async () => {
    await using cluster = await startCluster();
    const { one } = cluster;
    await using client = await signedIn(one, '7');
    for (const frame of ['', 'freeze 7', 'terminate x', '{"event":"x"}'])
      await one.publisher.publish([
        {
          channel: keyOf(OWN),
          frame,
          except: null,
          id: `c${frame.length}`,
          recorded: true,
          once: false,
          control: true,
        },
      ]);
    const marker = await one.trigger(OWN);
    assert.equal(await client.next(), marker);
  });

  it('[US8] what a terminated socket held in a presence channel is given back', async () => {
    await using cluster = await startCluster();
    const { one, two, store } = cluster;
    await using watcher = await two.connect();
    await joinAs(watcher, 'w');
    await using client = await signedIn(one, '7');
    client.subscribe(ROOM, authFor(client.id, ROOM));
    assert.deepEqual(presenceOf(await client.nextFrame()).ids, ['w', '7']);
    assert.match(await watcher.next(), /member_added/);
    await terminate({ store, publisher: one.publisher }, '7');
    await assertTerminated(client);
    assert.match(await watcher.next(), /member_removed/);
  });
});
