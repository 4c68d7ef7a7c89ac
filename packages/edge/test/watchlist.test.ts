import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apps, startTestEdge } from './edge-under-test.ts';
import { startCluster, type Cluster } from './presence-cluster.ts';
import {
  askToSignIn,
  nextSuccess,
  nextWatched,
  signedIn,
  signIn,
  userChannel,
} from './signed-in.ts';

/** Long enough for a client to come back, short enough for a test. */
const QUICK = { watchlistTimes: { offlineMs: 150, tickMs: 10 } };

const startQuick = (): Promise<Cluster> => startCluster({ edge: QUICK });

describe('Watchlists', () => {
  it('[US6] the golden transcript, byte for byte', async () => {
    await using cluster = await startQuick();
    await using nine = await signedIn(cluster.two, '9');
    await cluster.untilCounted(1, userChannel('9'));
    await using client = await cluster.one.connect();
    const userData = '{"id":"7","watchlist":["8","9"]}';
    askToSignIn(client, userData);
    await nextSuccess(client, userData);
    assert.equal(
      await client.next(),
      String.raw`{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"offline\",\"user_ids\":[\"8\"]},{\"name\":\"online\",\"user_ids\":[\"9\"]}]}"}`,
    );
    await nine.nothingBefore('who is watched hears nothing of it');
  });

  it('[US6] the first socket and the last one are told, on whichever edge', async () => {
    await using cluster = await startQuick();
    const { one, two } = cluster;
    await using watcher = await signedIn(one, 'w', { watchlist: ['7'] });
    assert.deepEqual(await nextWatched(watcher), ['-7']);
    const a = await signedIn(one, '7');
    assert.deepEqual(await nextWatched(watcher), ['+7']);
    const b = await signedIn(two, '7');
    await cluster.untilCounted(2, userChannel('7'));
    await a[Symbol.asyncDispose]();
    await cluster.untilCounted(1, userChannel('7'));
    await watcher.nothingBefore('one is left');
    await b[Symbol.asyncDispose]();
    assert.deepEqual(await nextWatched(watcher), ['-7']);
    await using c = await signedIn(two, '7');
    assert.deepEqual(await nextWatched(watcher), ['+7']);
    await c.nothingBefore('it watches nobody');
  });

  it('[US6] who is connected or a member, and not signed in, is offline', async () => {
    await using cluster = await startQuick();
    await using _connected = await cluster.two.connect();
    await using watcher = await signedIn(cluster.one, 'w', { watchlist: ['7', 'w'] });
    const first = await nextWatched(watcher);
    // Of itself it may hear before the store has counted it.
    if (first.includes('-w')) assert.deepEqual(await nextWatched(watcher), ['+w']);
    else assert.deepEqual(first, ['-7', '+w']);
  });

  it('[US36] who is back in time was never offline, whichever edge it comes back to', async () => {
    await using cluster = await startCluster({
      edge: { watchlistTimes: { offlineMs: 1_000, tickMs: 10 } },
    });
    const { one, two } = cluster;
    let seven = await signedIn(one, '7');
    const eight = await signedIn(one, '8');
    for (const user of ['7', '8']) await cluster.untilCounted(1, userChannel(user));
    await using watcher = await signedIn(two, 'w', { watchlist: ['7', '8'] });
    assert.deepEqual(await nextWatched(watcher), ['+7', '+8']);
    for (const edge of [two, one, two]) {
      await seven[Symbol.asyncDispose]();
      await cluster.untilCounted(0, userChannel('7'));
      seven = await signedIn(edge, '7');
      await cluster.untilCounted(1, userChannel('7'));
    }
    // Leaves last, so that all that the other has done would be told before.
    await eight[Symbol.asyncDispose]();
    assert.deepEqual(await nextWatched(watcher), ['-8']);
    await seven[Symbol.asyncDispose]();
    assert.deepEqual(await nextWatched(watcher), ['-7']);
  });

  it('[US36] what changes in one tick stands in one frame', async () => {
    await using cluster = await startCluster({
      edge: { watchlistTimes: { offlineMs: 100, tickMs: 300 } },
    });
    const users = Array.from({ length: 20 }, (_, at) => `u${at}`);
    await using watcher = await signedIn(cluster.one, 'w', { watchlist: users });
    assert.deepEqual(
      (await nextWatched(watcher)).toSorted(),
      users.map((user) => `-${user}`).toSorted(),
    );
    const clients = await Promise.all(users.map(async (user) => signedIn(cluster.two, user)));
    const heard: (readonly string[])[] = [];
    while (heard.flat().length < users.length) heard.push(await nextWatched(watcher));
    assert.deepEqual(heard.flat().toSorted(), users.map((user) => `+${user}`).toSorted());
    assert.ok(heard.length <= 5, `${heard.length} frames`);
    await Promise.all(clients.map(async (client) => client[Symbol.asyncDispose]()));
    const left: (readonly string[])[] = [];
    while (left.flat().length < users.length) left.push(await nextWatched(watcher));
    assert.deepEqual(left.flat().toSorted(), users.map((user) => `-${user}`).toSorted());
    assert.ok(left.length <= 5, `${left.length} frames`);
  });

  it('[US7] of more than 100 users the first 100 count, each once', async () => {
    await using cluster = await startQuick();
    await using client = await cluster.one.connect();
    const sign = async (watchlist: readonly string[]): Promise<void> =>
      signIn(client, 'w', { watchlist });
    await sign([...list(100), ...list(100)]);
    assert.deepEqual((await nextWatched(client)).length, 100);
    await sign(list(101));
    assert.equal(
      await client.nextError(4302),
      'Watchlist limit exceeded. Only the first 100 user IDs are accepted.',
    );
    assert.deepEqual(
      await nextWatched(client),
      list(100).map((user) => `-${user}`),
    );
    assert.equal(cluster.one.counters.watchedUsers, 100);
    await using last = await signedIn(cluster.one, 'u100');
    await using first = await signedIn(cluster.one, 'u99');
    assert.deepEqual(await nextWatched(client), ['+u99']);
    for (const each of [last, first]) await each.nothingBefore('they watch nobody');
  });

  it('[US3] a second signin has a watchlist of its own', async () => {
    await using cluster = await startQuick();
    const { one, two } = cluster;
    await using a = await signedIn(two, 'a');
    await using b = await signedIn(two, 'b');
    for (const user of ['a', 'b']) await cluster.untilCounted(1, userChannel(user));
    await using watcher = await signedIn(one, 'w', { watchlist: ['a', 'x'] });
    assert.deepEqual(await nextWatched(watcher), ['-x', '+a']);
    await signIn(watcher, 'w', { watchlist: ['a', 'b'] });
    assert.deepEqual(await nextWatched(watcher), ['+a', '+b']);
    await using x = await signedIn(two, 'x');
    await cluster.untilCounted(1, userChannel('x'));
    await a[Symbol.asyncDispose]();
    assert.deepEqual(await nextWatched(watcher), ['-a']);
    await signIn(watcher, 'w');
    await b[Symbol.asyncDispose]();
    await one.until(({ watchedUsers }) => watchedUsers === 0, 'nobody is watched');
    await watcher.nothingBefore('nobody is watched any more');
    await x.nothingBefore('it watches nobody');
  });

  it('[US37] an app may switch watchlists off; then nothing is told, not even that one is too long', async () => {
    await using edge = await startTestEdge({ edge: QUICK });
    await using client = await edge.connect(apps.quiet);
    const watchlist = Array.from({ length: 101 }, (_, at) => `u${at}`);
    await signIn(client, 'w', { watchlist }, { app: apps.quiet });
    await client.nothingBefore('nothing of the watchlist');
    assert.equal(edge.counters.watchedUsers, 0);
  });

  it('[FR8] a user of another app is another user', async () => {
    await using cluster = await startQuick();
    const { one } = cluster;
    await using foreign = await one.connect(apps.other);
    await signIn(foreign, '7', {}, { app: apps.other });
    await cluster.untilCounted(1, userChannel('7'), apps.other);
    await using watcher = await signedIn(one, 'w', { watchlist: ['7'] });
    assert.deepEqual(await nextWatched(watcher), ['-7']);
    const marker = await one.trigger(userChannel('7'));
    await foreign.nothingBefore(`not ${marker}`);
  });
});

function list(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `u${at}`);
}
