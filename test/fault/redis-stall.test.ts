import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { startRedis } from '../support/redis-server.ts';
import { Inbox } from '../support/inbox.ts';
import { inboxOf, subscribed } from '../sdk.ts';
import { openClient, untilEventsFlow, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** Longer than a lease. */
const STALL_SECONDS = 15;
/** As long as a doubt about everybody lasts, and then some. */
const GUARD_MS = 12_000;

const redis = await startRedis('--enable-debug-command', 'yes');
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

describe('a Redis that stands still for longer than a lease', () => {
  it('[FS15] writes nobody off and tells nothing; counts are as they were, and events flow again', async () => {
    const room = 'presence-room';
    const clients = [
      await openClient(cluster, 0, [room, 'first'], 'a'),
      await openClient(cluster, 1, [room, 'second'], 'b'),
    ];
    const disturbances = new Inbox<unknown>('what clients noticed');
    const counts = { [room]: 2, first: 1, second: 1, 'private-sdk': 2 };
    const inboxes: Inbox<unknown>[] = [];
    for (const edge of cluster.edges.keys()) {
      const pusher = cluster.pusherJs(edge);
      inboxes.push(inboxOf(await subscribed(pusher.subscribe('private-sdk')), 'e'));
      pusher.connection.bind('state_change', disturbances.push);
      pusher.connection.bind('error', disturbances.push);
    }
    for (const socket of clients) void socket.closed.then(disturbances.push);
    await untilCounts(sdk, counts);
    await receiver.storyOf(room, 3);
    for (const name of ['first', 'second', 'private-sdk']) await receiver.storyOf(name, 1);
    for (const socket of clients) await socket.untilPong();
    const told = receiver.accepted().length;

    assert.equal(await redis.say(`DEBUG SLEEP ${STALL_SECONDS}`), '+OK');
    const resumedMs = performance.now();
    await untilCounts(sdk, counts);
    assert.deepEqual(await usersOf(sdk, room), ['a', 'b']);
    await untilEventsFlow(cluster);
    // Every edge must have said something since, or not all that could go wrong has had the time to.
    await sdk.trigger('private-sdk', 'e', 'after');
    for (const inbox of inboxes) assert.equal(await inbox.next(), 'after');
    await untilCounts(sdk, counts);

    // The marker: somebody who leaves is told, in time, and nothing was told before.
    const [first, second] = clients;
    for (const socket of clients) assert.deepEqual(await socket.untilPong(), []);
    assert.equal(disturbances.size, 0, disturbances.describe());
    await first?.[Symbol.asyncDispose]();
    await receiver.storyOf('first', 2);
    await receiver.storyOf(room, 4);
    assert.equal(receiver.accepted().length, told + 2);
    assert.deepEqual(
      (await second?.untilPong())?.map(({ event }) => event),
      ['pusher_internal:member_removed'],
    );
    await untilCounts(sdk, { ...counts, [room]: 1, first: 0 });

    // The doubt is over as well, and those who live are still there.
    await eventually(
      async () => {
        assert.deepEqual(await usersOf(sdk, room), ['b']);
        return performance.now() - resumedMs > GUARD_MS;
      },
      () => 'time stands still',
      2 * GUARD_MS,
    );
    for (const edge of cluster.edges)
      assert.equal(await metric(edge, 'fanfare_state_fences_total'), 0);
    assert.equal(receiver.accepted().length, told + 2);
  });
});
