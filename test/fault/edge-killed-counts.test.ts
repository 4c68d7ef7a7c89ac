import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { openClient, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

const LEASE_MS = 10_000;
/** A reaper's look, and what it says, after a lease is over. */
const SLACK_MS = 2_000;
const LEAVE_MS = 3_000;
/** What a worker and a busy machine take on top before a webhook is here. */
const DELIVERY_MS = 3_000;

const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const cluster = await startCluster({
  edges: 3,
  apis: 1,
  workers: 1,
  app: { webhooks: [{ url: receiver.url }] },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);

describe('an edge that is killed', () => {
  it('[FS1] is taken out of all counts within its lease, and only what nobody else holds is told as gone', async () => {
    const room = 'presence-room';
    const [lonely, moved] = ['lonely', 'moved'];
    await using _dead = await openClient(cluster, 0, [room, lonely, moved], 'a');
    await using _tab = await openClient(cluster, 0, [room], 'both');
    await using _second = await openClient(cluster, 1, [room], 'both');
    await using _third = await openClient(cluster, 2, [room], 'c');
    await untilCounts(sdk, { [room]: 4, [lonely]: 1, [moved]: 1 });
    await receiver.storyOf(room, 4);
    for (const name of [lonely, moved]) await receiver.storyOf(name, 1);

    const killedMs = performance.now();
    const leftMs = (ms: number): number => ms - (performance.now() - killedMs);
    await cluster.edges[0]?.kill();
    await using back = await openClient(cluster, 1, [moved]);
    await untilCounts(sdk, { [room]: 2, [lonely]: 0, [moved]: 1 }, leftMs(LEASE_MS + SLACK_MS));
    assert.deepEqual(await usersOf(sdk, room), ['both', 'c']);
    const goneMs = leftMs(LEASE_MS + SLACK_MS + LEAVE_MS + DELIVERY_MS);
    assert.deepEqual(await receiver.storyOf(lonely, 2, goneMs), [
      'channel_occupied',
      'channel_vacated',
    ]);
    assert.deepEqual((await receiver.storyOf(room, 5, goneMs)).slice(4), ['member_removed a']);

    await back[Symbol.asyncDispose]();
    // Had the channel that moved been told as gone before, there would be more.
    assert.deepEqual(await receiver.storyOf(moved, 2), ['channel_occupied', 'channel_vacated']);
    assert.equal(receiver.story(room).length, 5);
  });
});
