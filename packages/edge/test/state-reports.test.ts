import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failure, type Appended, type OutboxEntry } from '@fanfare/core';
import { apps, authFor, keyOf, type StateOfTest } from './edge-under-test.ts';
import { dataOf, joinAs, ROOM, startCluster, type Cluster } from './presence-cluster.ts';

const app = apps.small;

describe('What the state store is told', () => {
  it('[ED12] the subscriptions of every kind of channel on both edges, and the sockets of members', async () => {
    await using cluster = await startCluster();
    const { one, two, store } = cluster;
    const names = ['lobby', 'private-a', 'private-encrypted-b', ROOM] as const;
    const clients = [];
    for (const edge of [one, one, two]) {
      const client = await edge.connect();
      clients.push(client);
      for (const name of names) {
        client.subscribe(name, authFor(client.id, name, { channelData: dataOf('u') }));
        assert.match(await client.next(), /subscription_succeeded/);
      }
    }
    for (const name of names) await cluster.untilCounted(3, name);
    assert.deepEqual(await store.counts([keyOf(ROOM)]), [{ subscriptions: 3, users: 1 }]);
    clients[0]?.unsubscribe('lobby');
    await clients[1]?.[Symbol.asyncDispose]();
    await cluster.untilCounted(1, 'lobby');
    await cluster.untilCounted(2, ROOM);
    for (const client of clients) await client[Symbol.asyncDispose]();
    for (const name of names) await cluster.untilCounted(0, name);
    assert.deepEqual(await store.occupied(apps.main.id, ''), []);
  });

  it('[ED13] a stop gives everything back at once; who comes back in time is not told of', async () => {
    await using cluster = await startCluster();
    const { one, two, store } = cluster;
    const stays = await one.connect(app);
    const goes = await one.connect(app);
    await joinAs(stays, 'stays', undefined, { app });
    await joinAs(goes, 'goes', undefined, { app });
    await goes.join('lobby');
    await cluster.untilCounted(2, ROOM, app);
    await cluster.untilCounted(1, 'lobby', app);
    // Right after its start the store tells nothing, so that every edge can say what it holds.
    cluster.later(6_500);
    await store.tend(0);
    await one.edge.stop('drain');
    assert.deepEqual(await store.counts([keyOf(ROOM, app)]), [{ subscriptions: 0, users: 0 }]);
    await using back = await two.connect(app);
    assert.deepEqual((await joinAs(back, 'stays', undefined, { app })).ids, ['stays']);
    await cluster.untilCounted(1, ROOM, app);
    cluster.later(3_500);
    await store.tend(0);
    assert.deepEqual((await toldTo(cluster)).toSorted(), [
      'channel_occupied lobby',
      `channel_occupied ${ROOM}`,
      'channel_vacated lobby',
      `member_added ${ROOM} goes`,
      `member_added ${ROOM} stays`,
      `member_removed ${ROOM} goes`,
    ]);
  });

  it('[ED15] client events, with their sender, where a webhook wants them', async () => {
    await using cluster = await startCluster();
    await using sender = await cluster.one.connect(app);
    await using plain = await cluster.one.connect();
    await joinAs(sender, 7, undefined, { app });
    await sender.join('private-a', authFor(sender.id, 'private-a', { app }));
    await joinAs(plain, 7);
    for (const client of [sender, plain]) {
      client.send(`{"event":"client-e","channel":"${ROOM}","data":{"x":1}}`);
      client.send('{"event":"client-e","channel":"private-a","data":"y"}');
      client.send('{"event":"client-refused","channel":"lobby","data":"y"}');
      await client.allRead();
    }
    const entries = await unrouted(cluster);
    assert.deepEqual(
      entries.map(({ event }) => event).filter(({ name }) => name === 'client_event'),
      [
        {
          name: 'client_event',
          channel: ROOM,
          event: 'client-e',
          data: '{"x":1}',
          socket_id: sender.id,
          user_id: '7',
        },
        {
          name: 'client_event',
          channel: 'private-a',
          event: 'client-e',
          data: 'y',
          socket_id: sender.id,
        },
      ],
    );
  });

  it('[CO1] a client event right behind its subscription is written behind it', async () => {
    await using cluster = await startCluster();
    await using sender = await cluster.one.connect(app);
    // As many as a connection may send in a moment.
    const names = Array.from({ length: 10 }, (_, index) => `private-fresh-${index}`);
    for (const name of names) {
      sender.subscribe(name, authFor(sender.id, name, { app }));
      sender.send(`{"event":"client-e","channel":"${name}","data":"x"}`);
    }
    for (const _ of names) assert.match(await sender.next(), /subscription_succeeded/);
    await sender.allRead();
    await using page = await cluster.one.connect(app);
    page.subscribe(ROOM, authFor(page.id, ROOM, { app, channelData: dataOf('9') }));
    page.send(`{"event":"client-e","channel":"${ROOM}","data":"x"}`);
    assert.match(await page.next(), /subscription_succeeded/);
    await page.allRead();
    const story = await toldTo(cluster);
    const of = (name: string): readonly string[] =>
      story.filter((each) => each.includes(` ${name}`));
    for (const name of names)
      assert.deepEqual(of(name), [`channel_occupied ${name}`, `client_event ${name}`]);
    assert.deepEqual(of(ROOM).toSorted(), [
      `channel_occupied ${ROOM}`,
      `client_event ${ROOM} 9`,
      `member_added ${ROOM} 9`,
    ]);
    assert.equal(of(ROOM).at(-1), `client_event ${ROOM} 9`);
  });

  it('[ED15] a client event that cannot be kept is counted, and goes out all the same', async () => {
    let append: StateOfTest['store']['append'] = refuse;
    await using cluster = await startCluster({}, (state) => ({
      ...state,
      store: { ...state.store, append: async (...args) => append(...args) },
    }));
    const { one } = cluster;
    await using sender = await one.connect(app);
    await using receiver = await one.connect(app);
    for (const client of [sender, receiver])
      await client.join('private-a', authFor(client.id, 'private-a', { app }));
    const event = '{"event":"client-e","channel":"private-a","data":"y"}';
    sender.send(event);
    await one.until(({ clientEventsUntold }) => clientEventsUntold === 1, 'it was counted');
    append = async () => Promise.reject(new Failure('unavailable', 'the store is away'));
    sender.send(event);
    await one.until(({ clientEventsUntold }) => clientEventsUntold === 2, 'it was counted');
    for (let count = 0; count < 2; count += 1) assert.match(await receiver.next(), /client-e/);
    await sender.nothingBefore('the sender is told nothing');
  });
});

async function refuse(): Promise<Appended> {
  return 'full';
}

async function unrouted({ store }: Cluster): Promise<readonly OutboxEntry[]> {
  const wanted = { token: '', leaseMs: 0, lanes: 0, entries: 0, unrouted: 100 };
  return (await store.poll(0, wanted)).unrouted.flatMap(({ entries }) => entries);
}

async function toldTo(cluster: Cluster): Promise<readonly string[]> {
  return (await unrouted(cluster)).map(({ event }) =>
    [event.name, event.channel, ...('user_id' in event ? [event.user_id] : [])].join(' '),
  );
}
