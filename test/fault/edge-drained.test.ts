import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { openClient, untilCounts } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** Well below a lease: what is counted right within it was not waited for. */
const AT_ONCE_MS = 2_000;

const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  app: { webhooks: [{ url: receiver.url }] },
  env: { DRAIN_SECONDS: '2' },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);

const roomOf = (user: string): string => `presence-of-${user}`;

describe('an edge that is drained', () => {
  it('[FS3] gives back all that it held at once, and nobody is told of clients that come back', async () => {
    const [edge] = cluster.edges;
    assert.ok(edge !== undefined);
    const users = ['a', 'b', 'c', 'd', 'e', 'f'];
    const clients = await Promise.all(
      users.map(async (user) => openClient(cluster, 0, [roomOf(user)], user)),
    );
    await using _lost = await openClient(cluster, 0, ['left-for-good']);
    for (const user of users) await receiver.storyOf(roomOf(user), 2);
    await receiver.storyOf('left-for-good', 1);

    edge.process.signal('SIGTERM');
    // Each as soon as its edge has said goodbye, as an SDK does after 4200.
    const back = await Promise.all(
      clients.map(async ({ closed }, index) => {
        const { code } = await closed;
        assert.equal(code, 4200);
        const user = users[index] ?? '';
        return openClient(cluster, 1, [roomOf(user)], user);
      }),
    );
    assert.deepEqual(await edge.process.exited(), { code: 0, signal: null });
    const counts = Object.fromEntries(users.map((user) => [roomOf(user), 1]));
    await untilCounts(sdk, { ...counts, 'left-for-good': 0 }, AT_ONCE_MS);
    assert.deepEqual(await receiver.storyOf('left-for-good', 2), [
      'channel_occupied',
      'channel_vacated',
    ]);

    // The marker: what had been told of their move would stand before this.
    await Promise.all(back.map(async (client) => client[Symbol.asyncDispose]()));
    for (const user of users) {
      const story = await receiver.storyOf(roomOf(user), 4);
      assert.deepEqual(story.slice(0, 2).toSorted(), ['channel_occupied', `member_added ${user}`]);
      assert.deepEqual(story.slice(2).toSorted(), ['channel_vacated', `member_removed ${user}`]);
    }
  });
});
