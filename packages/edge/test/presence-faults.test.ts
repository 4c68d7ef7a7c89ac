import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { edgeReporterOptions, Failure, type Incarnation, type RosterChange } from '@fanfare/core';
import { authFor, type StateOfTest } from './edge-under-test.ts';
import { Inbox } from './inbox.ts';
import {
  askFor,
  dataOf,
  joinAs,
  membersIn,
  nextMember,
  REMOVED,
  ROOM,
  startCluster,
} from './presence-cluster.ts';

const TIMEOUT = 'Subscription could not be completed in time, please reconnect';

describe('A place that is waited for', () => {
  it('[PS10] who leaves meanwhile leaves no member behind', async () => {
    const gate = new Gate();
    await using cluster = await startCluster({}, gate.around);
    await using watcher = await cluster.one.connect();
    askFor(watcher, dataOf('w'));
    (await gate.asked.next())();
    await watcher.next();
    const leaving = await cluster.two.connect();
    askFor(leaving, dataOf('u'));
    const answer = await gate.asked.next();
    await leaving[Symbol.asyncDispose]();
    await cluster.two.until(({ connections }) => connections === 0, 'the client has left');
    answer();
    await cluster.two.until(({ channels }) => channels === 0, 'the channel was let go');
    assert.deepEqual(await nextMember(watcher), ['+', 'u', {}]);
    assert.deepEqual(await nextMember(watcher), [REMOVED, 'u']);
    assert.deepEqual(await membersIn(cluster.store), ['w']);
  });

  it('[PS10] of two sockets of a user, one of which leaves meanwhile, the other is in', async () => {
    const gate = new Gate();
    await using cluster = await startCluster({}, gate.around);
    const leaving = await cluster.one.connect();
    await using staying = await cluster.one.connect();
    for (const client of [leaving, staying]) {
      askFor(client, dataOf('u'));
      await client.allRead();
    }
    const first = await gate.asked.next();
    await leaving[Symbol.asyncDispose]();
    await cluster.one.until(({ connections }) => connections === 1, 'the client has left');
    first();
    (await gate.asked.next())();
    assert.match(await staying.next(), /subscription_succeeded/);
    await cluster.untilCounted(1);
    assert.deepEqual(await membersIn(cluster.store), ['u']);
  });

  it('[PS7] frames behind it wait: unsubscribe ends it, a client event goes out with the user', async () => {
    const gate = new Gate();
    await using cluster = await startCluster({}, gate.around);
    await using client = await cluster.one.connect();
    await using other = await cluster.two.connect();
    askFor(other, dataOf('o'));
    (await gate.asked.next())();
    await other.next();
    askFor(client, dataOf('u'));
    client.send(`{"event":"client-e","channel":"${ROOM}","data":"x"}`);
    client.unsubscribe(ROOM);
    client.send('{"event":"pusher:ping"}');
    await client.allRead();
    assert.equal(client.inbox.size, 0);
    (await gate.asked.next())();
    assert.match(await client.next(), /subscription_succeeded/);
    assert.match(await client.next(), /pusher:pong/);
    assert.deepEqual(await nextMember(other), ['+', 'u', {}]);
    const { event, user_id: user } = JSON.parse(await other.next()) as Record<string, unknown>;
    assert.deepEqual({ event, user }, { event: 'client-e', user: 'u' });
    assert.deepEqual(await nextMember(other), [REMOVED, 'u']);
  });

  it('[ED16] a store that does not answer in time costs 4200 and leaves nothing', async () => {
    for (const fault of ['refuses', 'takes it and does not answer'] as const) {
      const store = new FaultyStore();
      await using cluster = await startCluster(
        { edge: { reporter: { ...edgeReporterOptions, joinMs: 60, retryMs: 5 } } },
        store.around,
      );
      const { one, two } = cluster;
      await using watcher = await two.connect();
      await joinAs(watcher, 'w');
      await using neighbour = await one.connect();
      await neighbour.join('lobby');
      store.fault = fault;
      await using client = await one.connect();
      askFor(client, dataOf('u'));
      assert.equal(await client.nextError(4200), TIMEOUT);
      assert.deepEqual(await client.closedWith(), { code: 4200, reason: TIMEOUT });
      await neighbour.nothingBefore('nobody else is closed');
      assert.equal(one.counters.channels, 1);
      store.fault = 'none';
      await cluster.until(
        async () => (await membersIn(cluster.store)).join() === 'w',
        'the store knows of nobody else',
      );
      await using again = await one.connect();
      assert.deepEqual((await joinAs(again, 'again')).ids.toSorted(), ['again', 'w']);
    }
  });

  it('[ED3] a feed that does not answer costs 4200 and lets go of the bus; the next asks anew', async () => {
    let failing = true;
    await using cluster = await startCluster({}, (state) => ({
      store: state.store,
      async openFeed(events) {
        const feed = await state.openFeed(events);
        return {
          async subscribe(channel) {
            if (failing) throw new Failure('unavailable', 'the feed is away');
            await feed.subscribe(channel);
          },
          unsubscribe: (channel) => feed.unsubscribe(channel),
          [Symbol.asyncDispose]: () => feed[Symbol.asyncDispose](),
        };
      },
    }));
    const { one } = cluster;
    await using client = await one.connect();
    await using member = await one.connect();
    await member.join('private-r', authFor(member.id, 'private-r'));
    askFor(client, dataOf('u'));
    assert.equal(await client.nextError(4200), TIMEOUT);
    await client.closedWith();
    assert.equal(one.counters.channels, 1);
    failing = false;
    assert.deepEqual((await joinAs(member, 'm')).ids, ['m']);
  });
});

describe('Changes of a roster that are missed', () => {
  it('[ED14] a hole is noticed with the next change; only the differences are told', async () => {
    const lost: RosterChange[] = [];
    let losing = 0;
    await using cluster = await startCluster({}, (state, edge) => ({
      store: state.store,
      openFeed: async (events) =>
        state.openFeed({
          onChange(channel, change) {
            if (edge === 0 && losing > 0) lost.push(change);
            else events.onChange(channel, change);
            losing -= edge === 0 ? 1 : 0;
          },
          onCount() {},
          onGap() {},
        }),
    }));
    const { one, two } = cluster;
    await using watcher = await one.connect();
    await joinAs(watcher, 'w');
    const goes = await two.connect();
    await joinAs(goes, 'goes');
    await using stays = await two.connect();
    await joinAs(stays, 'stays');
    assert.deepEqual(await nextMember(watcher), ['+', 'goes', {}]);
    assert.deepEqual(await nextMember(watcher), ['+', 'stays', {}]);
    losing = 2;
    await goes[Symbol.asyncDispose]();
    await cluster.untilCounted(2);
    await using hidden = await two.connect();
    await joinAs(hidden, 'hidden', { n: 1 });
    await one.trigger(ROOM);
    assert.match(await watcher.next(), /happened/);
    assert.equal(lost.length, 2);
    await using noticed = await two.connect();
    await joinAs(noticed, 'noticed');
    const told = [await nextMember(watcher), await nextMember(watcher), await nextMember(watcher)];
    assert.deepEqual(told, [
      [REMOVED, 'goes'],
      ['+', 'hidden', { n: 1 }],
      ['+', 'noticed', {}],
    ]);
    assert.equal(one.counters.rostersRead, 1);
    await watcher.nothingBefore('and no more than that');
  });

  it('[ED14] an edge that the store had written off comes back; its own clients notice nothing', async () => {
    const incarnations: Incarnation[] = [];
    await using cluster = await startCluster(
      { edge: { reporter: { ...edgeReporterOptions, heartbeatMs: 100 } } },
      (state, edge) => ({
        ...state,
        store: {
          ...state.store,
          async register(partition, incarnation) {
            if (edge === 0) incarnations.push(incarnation);
            return state.store.register(partition, incarnation);
          },
        },
      }),
    );
    const { one, two } = cluster;
    await using ours = await one.connect();
    await using friend = await one.connect();
    await using theirs = await two.connect();
    await joinAs(theirs, 'theirs');
    await joinAs(ours, 'ours');
    await joinAs(friend, 'friend');
    for (const user of ['ours', 'friend'])
      assert.deepEqual(await nextMember(theirs), ['+', user, {}]);
    assert.deepEqual(await nextMember(ours), ['+', 'friend', {}]);
    await cluster.untilCounted(3);
    const [incarnation] = incarnations;
    await cluster.store.leave(0, incarnation ?? assert.fail('the edge took a lease'));
    const told = [];
    for (let count = 0; count < 4; count += 1)
      told.push((await nextMember(theirs)).slice(0, 2).join());
    assert.deepEqual(told.slice(0, 2), [`${REMOVED},ours`, `${REMOVED},friend`]);
    assert.deepEqual(told.slice(2).toSorted(), ['+,friend', '+,ours']);
    await cluster.untilCounted(3);
    assert.equal(incarnations.length, 2);
    for (const client of [ours, friend]) await client.nothingBefore('they were in all the time');
    await theirs[Symbol.asyncDispose]();
    for (const client of [ours, friend])
      assert.deepEqual(await nextMember(client), [REMOVED, 'theirs']);
  });
});

/** Holds every join back until the test lets it through. */
class Gate {
  readonly asked = new Inbox<() => void>('join');
  readonly around = (state: StateOfTest): StateOfTest => ({
    ...state,
    store: {
      ...state.store,
      join: async (...args) => {
        await new Promise<void>((resolve) => this.asked.push(resolve));
        return state.store.join(...args);
      },
    },
  });
}

class FaultyStore {
  fault: 'none' | 'refuses' | 'takes it and does not answer' = 'none';
  readonly around = (state: StateOfTest, edge: number): StateOfTest => {
    if (edge > 0) return state;
    const spoil =
      <Args extends readonly unknown[], T>(call: (...args: Args) => Promise<T>) =>
      async (...args: Args): Promise<T> => {
        if (this.fault === 'refuses') throw new Failure('unavailable', 'away');
        const answer = await call(...args);
        if (this.fault !== 'none') throw new Failure('unavailable', 'no answer');
        return answer;
      };
    const { store } = state;
    return {
      ...state,
      store: {
        ...store,
        report: spoil(async (...args: Parameters<typeof store.report>) => store.report(...args)),
        join: spoil(async (...args: Parameters<typeof store.join>) => store.join(...args)),
      },
    };
  };
}
