import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { openRawSocket } from '../raw-socket.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { openClient, subscription, untilEventsFlow, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

const LEASE_MS = 10_000;
const SLACK_MS = 2_000;
const LEAVE_MS = 3_000;
/** What a worker and a busy machine take on top before a webhook is here. */
const DELIVERY_MS = 3_000;
/** Links that are opened again, at most two seconds apart, a heartbeat, and a report. */
const HEALED_MS = 10_000;

const redis = await startRedis();
after(() => redis[Symbol.asyncDispose]());
const proxy = await startProxy(redis.port);
after(() => proxy[Symbol.asyncDispose]());
const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  redis: redis.url,
  app: { webhooks: [{ url: receiver.url }] },
  envOf: (role, index): Readonly<Record<string, string>> =>
    role === 'edge' && index === 0 ? { REDIS_URL: `redis://127.0.0.1:${proxy.port}` } : {},
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);

/** Edge 0 alone loses Redis for longer than its lease. */
async function part(how: string, begin: (link: Proxy) => void): Promise<void> {
  const [parted, other] = cluster.edges;
  const [room, both, only, left, fresh] = [
    `presence-room-${how}`,
    ...['both', 'only', 'left', 'fresh'].map((name) => `${name}-${how}`),
  ] as [string, string, string, string, string];
  const here = await openClient(cluster, 0, [room, both, only], 'a');
  const leaver = await openClient(cluster, 0, [left]);
  const there = await openClient(cluster, 1, [room, both], 'b');
  await untilCounts(sdk, { [room]: 2, [both]: 2, [only]: 1, [left]: 1 });
  await receiver.storyOf(room, 3);
  for (const name of [both, only, left]) await receiver.storyOf(name, 1);
  for (const socket of [here, there]) await socket.untilPong();
  const fencesBefore = await metric(parted, 'fanfare_state_fences_total');

  begin(proxy);
  const partedMs = performance.now();
  const leftMs = (ms: number): number => ms - (performance.now() - partedMs);
  // What happens on the edge meanwhile: one is gone, one wants in.
  await leaver[Symbol.asyncDispose]();
  const late = await openRawSocket(cluster.edgeUrl(0));
  late.send('pusher:subscribe', subscription(sdk, late.id, fresh));
  await untilCounts(
    sdk,
    { [room]: 1, [both]: 1, [only]: 0, [left]: 0, [fresh]: 0 },
    leftMs(LEASE_MS + SLACK_MS),
  );
  assert.deepEqual(await usersOf(sdk, room), ['b']);
  const goneMs = leftMs(LEASE_MS + SLACK_MS + LEAVE_MS + DELIVERY_MS);
  for (const name of [only, left])
    assert.deepEqual(await receiver.storyOf(name, 2, goneMs), [
      'channel_occupied',
      'channel_vacated',
    ]);
  assert.deepEqual((await receiver.storyOf(room, 4, goneMs)).slice(3), ['member_removed a']);
  // Nobody was sent away, and only who asked for something has to wait.
  assert.deepEqual(await here.untilPong(), []);
  assert.equal(late.frames.size, 0);

  proxy.heal();
  await untilCounts(sdk, { [room]: 2, [both]: 2, [only]: 1, [left]: 0, [fresh]: 1 }, HEALED_MS);
  assert.deepEqual(await usersOf(sdk, room), ['a', 'b']);
  assert.equal((await late.frames.next()).event, 'pusher_internal:subscription_succeeded');
  assert.ok((await metric(parted, 'fanfare_state_fences_total')) > fencesBefore);
  assert.equal(await metric(other, 'fanfare_state_fences_total'), 0);
  assert.deepEqual((await receiver.storyOf(room, 5)).slice(4), ['member_added a']);
  await receiver.storyOf(only, 3);
  await receiver.storyOf(fresh, 1);

  await untilEventsFlow(cluster);

  // The other edge's client saw the member go and come; the member itself saw nothing.
  const seen = (await there.untilPong()).map(({ event }) => event);
  assert.deepEqual(seen, ['pusher_internal:member_removed', 'pusher_internal:member_added']);
  assert.deepEqual(await here.untilPong(), []);
  await sdk.trigger([room, only], 'e', 'data');
  for (const _channel of [room, only]) assert.equal((await here.frames.next()).event, 'e');

  // The marker: what else had been told would stand before this.
  for (const socket of [here, there, late]) await socket[Symbol.asyncDispose]();
  const [up, down] = ['channel_occupied', 'channel_vacated'];
  assert.deepEqual(await receiver.storyOf(only, 4), [up, down, up, down]);
  for (const name of [both, fresh]) assert.deepEqual(await receiver.storyOf(name, 2), [up, down]);
  await receiver.storyOf(room, 8);
  assert.deepEqual(receiver.story(left), [up, down]);
  assert.equal(receiver.story(room).length, 8);
}

describe('an edge that cannot reach Redis for longer than its lease', () => {
  it('[FS13] because nothing gets through: is written off, and counts, members and webhooks are right once it is healed', () =>
    part('frozen', (link) => link.freeze()));

  it('[FS14] because connections are refused: the same', () => part('cut', (link) => link.cut()));
});
