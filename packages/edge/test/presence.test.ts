import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apps, keyOf } from './edge-under-test.ts';
import {
  askFor,
  dataOf,
  joinAs,
  nextMember,
  presenceOf,
  REMOVED,
  ROOM,
  startCluster,
} from './presence-cluster.ts';

describe('Presence', () => {
  it('[PS5] the golden transcript: two users, one of them with two sockets', async () => {
    await using cluster = await startCluster();
    const { one, two } = cluster;
    await using a1 = await one.connect();
    await using b1 = await two.connect();
    await using a2 = await two.connect();
    const a = String.raw`{\"n\":\"A\"}`;
    const b = String.raw`{\"n\":\"B\"}`;
    const both = succeeded(
      String.raw`{\"count\":2,\"ids\":[\"1\",\"2\"],\"hash\":{\"1\":${a},\"2\":${b}}}`,
    );

    askFor(a1, '{"user_id":"1","user_info":{"n":"A"}}');
    assert.equal(
      await a1.next(),
      succeeded(String.raw`{\"count\":1,\"ids\":[\"1\"],\"hash\":{\"1\":${a}}}`),
    );
    askFor(b1, '{"user_id":"2","user_info":{"n":"B"}}');
    assert.equal(await b1.next(), both);
    assert.equal(
      await a1.next(),
      String.raw`{"event":"pusher_internal:member_added","data":"{\"user_id\":\"2\",\"user_info\":{\"n\":\"B\"}}","channel":"presence-r"}`,
    );
    askFor(a2, '{"user_id":"1","user_info":{"n":"A"}}');
    assert.equal(await a2.next(), both);
    await a2[Symbol.asyncDispose]();
    await cluster.untilCounted(2);
    const marker = await one.trigger(ROOM);
    for (const client of [a1, b1]) assert.equal(await client.next(), marker);
    await a1[Symbol.asyncDispose]();
    assert.equal(
      await b1.next(),
      String.raw`{"event":"pusher_internal:member_removed","data":"{\"user_id\":\"1\"}","channel":"presence-r"}`,
    );
  });

  it('[PS9] the golden transcript: a client event tells who sent it', async () => {
    await using cluster = await startCluster();
    await using a1 = await cluster.one.connect();
    await using b1 = await cluster.two.connect();
    await using other = await cluster.two.connect();
    await joinAs(a1, '1');
    await joinAs(b1, 2);
    assert.deepEqual(await nextMember(a1), ['+', '2', {}]);
    b1.send('{"event":"client-typing","channel":"presence-r","data":{"x":1}}');
    assert.equal(
      await a1.next(),
      String.raw`{"event":"client-typing","channel":"presence-r","data":"{\"x\":1}","user_id":"2"}`,
    );
    await b1.nothingBefore('the sender does not hear itself');
    other.send('{"event":"client-typing","channel":"presence-r","data":{"x":1}}');
    assert.match(await other.nextError(), /^Cannot broadcast client event/);
  });

  it('[PS4] a member without user_info has an empty object, everywhere', async () => {
    await using cluster = await startCluster();
    await using first = await cluster.one.connect();
    await using second = await cluster.two.connect();
    for (const [client, data] of [
      [first, '{"user_id":"a"}'],
      [second, '{"user_id":"b","user_info":null}'],
    ] as const) {
      askFor(client, data);
      await client.allRead();
    }
    const { count, ids, hash } = presenceOf(await second.nextFrame());
    assert.deepEqual({ count, ids, hash }, { count: 2, ids: ['a', 'b'], hash: { a: {}, b: {} } });
    assert.deepEqual(presenceOf(await first.nextFrame()).hash, { a: {} });
    assert.deepEqual(await nextMember(first), ['+', 'b', {}]);
  });

  it('[PS4] ids that are special names of objects, or look like numbers, are ids', async () => {
    await using cluster = await startCluster();
    const users = ['__proto__', 'constructor', '10', '9', '-0', ' ', 'a"b\\', 'ü\n𝒳', '\u2028'];
    const clients = await Promise.all(users.map(() => cluster.one.connect()));
    for (const [at, client] of clients.entries()) await joinAs(client, users[at] ?? '');
    await using last = await cluster.two.connect();
    const { ids, hash } = await joinAs(last, 'last');
    assert.deepEqual(ids, [...users, 'last']);
    assert.deepEqual(Object.keys(hash).toSorted(), [...users, 'last'].toSorted());
    for (const client of clients) await client[Symbol.asyncDispose]();
    const removed = [];
    for (const _ of users) removed.push(String((await nextMember(last))[1]));
    assert.deepEqual(removed.toSorted(), users.toSorted());
  });

  it('[PS2] a number and its digits are one user', async () => {
    await using cluster = await startCluster();
    await using first = await cluster.one.connect();
    await using second = await cluster.two.connect();
    assert.deepEqual((await joinAs(first, 10)).ids, ['10']);
    assert.deepEqual((await joinAs(second, '10')).count, 1);
    await first.nothingBefore('the user was in already');
  });

  it('[PS6] sockets and edges of one user: the first comes, the last goes, and the info stays', async () => {
    await using cluster = await startCluster();
    const { one, two } = cluster;
    await using watcher = await one.connect();
    await joinAs(watcher, 'w');
    const sockets = [await one.connect(), await one.connect(), await two.connect()];
    for (const [at, client] of sockets.entries()) {
      const { hash } = await joinAs(client, 'u', { at });
      assert.deepEqual(hash, { w: {}, u: { at: 0 } });
    }
    assert.deepEqual(await nextMember(watcher), ['+', 'u', { at: 0 }]);
    const [first, second, third] = sockets;
    first?.unsubscribe(ROOM);
    await second?.[Symbol.asyncDispose]();
    await one.until(({ subscriptions }) => subscriptions === 1, 'both have left');
    await using late = await two.connect();
    assert.deepEqual((await joinAs(late, 'late')).hash, { w: {}, u: { at: 0 }, late: {} });
    assert.deepEqual(await nextMember(watcher), ['+', 'late', {}]);
    await third?.[Symbol.asyncDispose]();
    for (const client of [watcher, late])
      assert.deepEqual(await nextMember(client), [REMOVED, 'u']);
    await first?.[Symbol.asyncDispose]();
    await using again = await two.connect();
    assert.deepEqual((await joinAs(again, 'u', { at: 3 })).hash['u'], { at: 3 });
    for (const client of [watcher, late])
      assert.deepEqual(await nextMember(client), ['+', 'u', { at: 3 }]);
  });

  it('[PS5] who comes back sees itself in, and nobody is told of itself', async () => {
    await using cluster = await startCluster();
    await using watcher = await cluster.one.connect();
    await joinAs(watcher, 'w');
    await using client = await cluster.two.connect();
    for (let round = 0; round < 5; round += 1) {
      assert.deepEqual((await joinAs(client, 'u')).ids.toSorted(), ['u', 'w']);
      client.unsubscribe(ROOM);
    }
    await using marker = await cluster.two.connect();
    await joinAs(marker, 'm');
    await client.nothingBefore('it is told nothing of itself');
    // Times in between may be told or not, but they alternate.
    let isIn = false;
    for (;;) {
      const [what, user] = await nextMember(watcher);
      if (user === 'm') break;
      assert.equal(what, isIn ? REMOVED : '+');
      isIn = !isIn;
    }
  });

  it('[PS8] a full channel names its limit and takes nobody; a member may have more sockets', async () => {
    await using cluster = await startCluster();
    const { one, two } = cluster;
    const app = apps.small;
    const inside = [await one.connect(app), await two.connect(app), await one.connect(app)];
    for (const [at, client] of inside.entries()) await joinAs(client, at, undefined, { app });
    const full = `Channel ${ROOM} is full: it may have 3 members`;
    for (const edge of [one, two]) {
      await using outside = await edge.connect(app);
      for (let times = 0; times < 2; times += 1) {
        askFor(outside, dataOf('late'), { app });
        assert.equal(await outside.nextError(), full);
        await outside.nextSubscriptionError('LimitError', full, 429, ROOM);
      }
      outside.unsubscribe(ROOM);
      assert.match(await outside.nextError(), /^No current subscription/);
      await using further = await edge.connect(app);
      assert.equal((await joinAs(further, 1, undefined, { app })).count, 3);
    }
    const [first, ...others] = inside;
    // Taken by those who came after them.
    const heard = { one: others[1], two: others[0] };
    assert.deepEqual(await nextMember(heard.two ?? assert.fail()), ['+', '2', {}]);
    await first?.[Symbol.asyncDispose]();
    for (const client of others) assert.deepEqual(await nextMember(client), [REMOVED, '0']);
    await using late = await one.connect(app);
    assert.deepEqual((await joinAs(late, 'late', undefined, { app })).count, 3);
    for (const client of others) {
      assert.deepEqual(await nextMember(client), ['+', 'late', {}]);
      await client[Symbol.asyncDispose]();
    }
  });

  it('[PS8] the seat of a refused user is taken back at once', async () => {
    await using cluster = await startCluster();
    const { one, two, store } = cluster;
    const app = apps.small;
    const clients = await Promise.all(
      [0, 1, 2, 3, 4, 5].map((at) => (at % 2 ? one : two).connect(app)),
    );
    for (const [at, client] of clients.entries()) askFor(client, dataOf(at), { app });
    let refused = 0;
    for (const client of clients) {
      const { event } = await client.nextFrame();
      if (event === 'pusher:error') refused += 1;
      await client.allRead();
    }
    assert.equal(refused, 3, 'of six who ask at once for three places');
    await cluster.untilCounted(3, ROOM, app);
    assert.equal((await store.users(keyOf(ROOM, app))).length, 3);
    for (const client of clients) await client[Symbol.asyncDispose]();
    await cluster.untilCounted(0, ROOM, app);
    assert.deepEqual(await store.users(keyOf(ROOM, app)), []);
  });
});

function succeeded(presence: string): string {
  return String.raw`{"event":"pusher_internal:subscription_succeeded","data":"{\"presence\":${presence}}","channel":"presence-r"}`;
}
