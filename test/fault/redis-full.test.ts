import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import PusherServer from 'pusher';
import { metric, startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { openRawSocket } from '../raw-socket.ts';
import { startRedis } from '../support/redis-server.ts';
import { Inbox } from '../support/inbox.ts';
import { openClient, subscription, untilEventsFlow, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** Longer than a lease, which nobody can renew. */
const FULL_MS = 12_000;
const HEALED_MS = 8_000;
/** For so long after a doubt nobody is written off; departures are told as ever. */
const PATIENCE_MS = 15_000;

const redis = await startRedis('--maxmemory-policy', 'noeviction');
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

async function expectRefusal(): Promise<void> {
  const error: unknown = await sdk.trigger('anything', 'e', '').then(
    () => assert.fail('a trigger was accepted by a full Redis'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof PusherServer.RequestError, String(error));
  assert.equal(error.status, 503);
  assert.match(String(error.body), /unavailable, please repeat/);
}

describe('a Redis that is full', () => {
  it('[FS18] refuses triggers with 503 and keeps all counts; with room again they are right, and what changed is told once', async () => {
    const room = 'presence-room';
    const here = await openClient(cluster, 0, [room, 'stays'], 'a');
    const there = await openClient(cluster, 1, [room, 'stays'], 'b');
    const leaver = await openClient(cluster, 1, [room, 'left'], 'c');
    await untilCounts(sdk, { [room]: 3, stays: 2, left: 1 });
    await receiver.storyOf(room, 4);
    for (const name of ['stays', 'left']) await receiver.storyOf(name, 1);
    for (const socket of [here, there]) await socket.untilPong();
    const disturbances = new Inbox<unknown>('sockets that were closed');
    for (const socket of [here, there]) void socket.closed.then(disturbances.push);
    const told = receiver.accepted().length;

    assert.equal(await redis.say('CONFIG SET maxmemory 1'), '+OK');
    const fullMs = performance.now();
    await expectRefusal();
    await leaver[Symbol.asyncDispose]();
    // A channel needs no room in Redis to be heard; a member is counted there first.
    await using visitor = await openClient(cluster, 0, ['new', 'stays']);
    const member = await openRawSocket(cluster.edgeUrl(1));
    member.send('pusher:subscribe', subscription(sdk, member.id, room, 'd'));
    for (const edge of cluster.edges)
      await eventually(
        async () => (await metric(edge, 'fanfare_state_failures_total')) > 0,
        () => 'no report failed',
      );
    await eventually(
      async () => {
        await expectRefusal();
        for (const socket of [here, there, visitor]) assert.deepEqual(await socket.untilPong(), []);
        return performance.now() - fullMs > FULL_MS;
      },
      () => 'time stands still',
      FULL_MS + PATIENCE_MS,
    );
    await untilCounts(sdk, { [room]: 3, stays: 2, left: 1, new: 0 });
    assert.deepEqual(await usersOf(sdk, room), ['a', 'b', 'c']);
    assert.equal(member.frames.size, 0);
    assert.equal(receiver.accepted().length, told);

    assert.equal(await redis.say('CONFIG SET maxmemory 0'), '+OK');
    await untilCounts(sdk, { [room]: 3, stays: 3, left: 0, new: 1 }, HEALED_MS);
    // As many as before, so that the count does not tell.
    await eventually(
      async () => (await usersOf(sdk, room)).join() === 'a,b,d',
      () => 'the members are not a, b and d',
      HEALED_MS,
    );
    assert.equal((await member.frames.next()).event, 'pusher_internal:subscription_succeeded');
    assert.deepEqual(await receiver.storyOf('new', 1), ['channel_occupied']);
    assert.deepEqual(await receiver.storyOf('left', 2, PATIENCE_MS), [
      'channel_occupied',
      'channel_vacated',
    ]);
    const ofRoom = (await receiver.storyOf(room, 6, PATIENCE_MS)).slice(4);
    assert.deepEqual(ofRoom.toSorted(), ['member_added d', 'member_removed c']);
    for (const edge of cluster.edges)
      assert.equal(await metric(edge, 'fanfare_state_fences_total'), 0);
    for (const socket of [here, there]) {
      const seen = (await socket.untilPong()).map(({ event }) => event);
      assert.deepEqual(seen.toSorted(), [
        'pusher_internal:member_added',
        'pusher_internal:member_removed',
      ]);
    }

    await untilEventsFlow(cluster);
    await sdk.trigger(['stays', 'new'], 'e', 'data');
    for (const socket of [here, there, visitor, visitor])
      assert.equal((await socket.frames.next()).event, 'e');
    assert.equal(disturbances.size, 0, disturbances.describe());

    // The marker: what else had been told would stand before this.
    for (const socket of [here, there, visitor, member]) await socket[Symbol.asyncDispose]();
    for (const name of ['stays', 'new'])
      assert.deepEqual(await receiver.storyOf(name, 2), ['channel_occupied', 'channel_vacated']);
    await receiver.storyOf(room, 10);
    assert.equal(receiver.story(room).length, 10);
    assert.equal(receiver.story('left').length, 2);
  });
});
