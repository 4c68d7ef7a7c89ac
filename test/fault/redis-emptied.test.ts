import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { openRawSocket } from '../raw-socket.ts';
import { startRedis } from '../support/redis-server.ts';
import { openClient, subscription, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

const HEALED_MS = 15_000;
/** For so long after a loss nothing is announced; then comes the delay of a leave, and a delivery. */
const LEAVE_PATIENCE_MS = 15_000;

const redis = await startRedis();
after(() => redis[Symbol.asyncDispose]());
const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  redis: redis.url,
  app: { webhooks: [{ url: receiver.url }] },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);

describe('a Redis that comes back empty', () => {
  it('[FS11] is told anew what there is, and the app hears of what changed meanwhile alone', async () => {
    const room = 'presence-room';
    const first = await openClient(cluster, 0, [room, 'both', 'first'], 'a');
    const second = await openClient(cluster, 1, [room, 'both'], 'b');
    const leaver = await openClient(cluster, 1, [room, 'left'], 'c');
    await untilCounts(sdk, { [room]: 3, both: 2, first: 1, left: 1 });
    await receiver.storyOf(room, 4);
    for (const name of ['both', 'first', 'left']) await receiver.storyOf(name, 1);

    redis.freeze();
    await leaver[Symbol.asyncDispose]();
    const fresh = await openRawSocket(cluster.edgeUrl(0));
    fresh.send('pusher:subscribe', subscription(sdk, fresh.id, 'new'));
    await redis.restart();
    await untilCounts(sdk, { [room]: 2, both: 2, first: 1, left: 0, new: 1 }, HEALED_MS);
    assert.deepEqual(await usersOf(sdk, room), ['a', 'b']);
    for (const edge of cluster.edges)
      assert.ok((await metric(edge, 'fanfare_state_losses_total')) >= 1);

    assert.deepEqual(await receiver.storyOf('left', 2, LEAVE_PATIENCE_MS), [
      'channel_occupied',
      'channel_vacated',
    ]);
    const ofC = (await receiver.storyOf(room, 5, LEAVE_PATIENCE_MS)).slice(4);
    assert.deepEqual(ofC, ['member_removed c']);
    assert.deepEqual(await receiver.storyOf('new', 1, LEAVE_PATIENCE_MS), ['channel_occupied']);

    // What had been told of those that stayed would stand before this.
    for (const socket of [first, second, fresh]) await socket[Symbol.asyncDispose]();
    for (const name of ['both', 'first', 'new'])
      assert.deepEqual(await receiver.storyOf(name, 2, LEAVE_PATIENCE_MS), [
        'channel_occupied',
        'channel_vacated',
      ]);
    const end = (await receiver.storyOf(room, 8, LEAVE_PATIENCE_MS)).slice(5);
    assert.deepEqual(end.toSorted(), ['channel_vacated', 'member_removed a', 'member_removed b']);
  });
});
