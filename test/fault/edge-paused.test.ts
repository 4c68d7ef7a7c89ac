import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { openClient, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

const LEASE_MS = 10_000;
const SLACK_MS = 2_000;
const HEARTBEAT_MS = 3_000;

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

describe('an edge that stands still for longer than its lease', () => {
  it('[FS2] is written off, and afterwards says everything anew: counts are right and no client notices', async () => {
    const [edge] = cluster.edges;
    assert.ok(edge !== undefined);
    const room = 'presence-room';
    const only = 'only';
    await using paused = await openClient(cluster, 0, [room, only], 'a');
    await using witness = await openClient(cluster, 1, [room], 'b');
    await using _third = await openClient(cluster, 2, [room], 'c');
    await untilCounts(sdk, { [room]: 3, [only]: 1 });
    await receiver.storyOf(only, 1);

    edge.process.signal('SIGSTOP');
    try {
      await untilCounts(sdk, { [room]: 2, [only]: 0 }, LEASE_MS + SLACK_MS);
      assert.deepEqual(await usersOf(sdk, room), ['b', 'c']);
      // Its leases end at different times; what is not told as gone by now would never be.
      await Promise.all([receiver.storyOf(only, 2), receiver.storyOf(room, 5)]);
    } finally {
      edge.process.signal('SIGCONT');
    }
    await untilCounts(sdk, { [room]: 3, [only]: 1 }, HEARTBEAT_MS + SLACK_MS);
    assert.deepEqual(await usersOf(sdk, room), ['a', 'b', 'c']);
    assert.ok((await metric(edge, 'fanfare_state_fences_total')) >= 1);
    assert.deepEqual(await receiver.storyOf(only, 3), [
      'channel_occupied',
      'channel_vacated',
      'channel_occupied',
    ]);
    const ofA = (await receiver.storyOf(room, 6)).filter((title) => title.endsWith(' a'));
    assert.deepEqual(ofA, ['member_added a', 'member_removed a', 'member_added a']);
    assert.equal(receiver.story(room).length, 6);

    // The others saw the member go and come; its own socket lives on as if nothing had been.
    const seen = (await witness.untilPong()).map(({ event, data }) => {
      const { user_id: user } = JSON.parse(String(data)) as { readonly user_id: string };
      return `${event.replace('pusher_internal:', '')} ${user}`;
    });
    assert.deepEqual(seen, ['member_added c', 'member_removed a', 'member_added a']);
    await sdk.trigger([room, only], 'e', 'data');
    for (const _channel of [room, only])
      await paused.frames.takeUntil(({ event }) => event === 'e');

    // The old incarnation holds nothing any more: who leaves now is gone.
    await paused[Symbol.asyncDispose]();
    await untilCounts(sdk, { [room]: 2, [only]: 0 });
  });
});
