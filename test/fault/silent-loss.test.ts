import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { openRawSocket } from '../raw-socket.ts';
import { inboxOf, inState, subscribed } from '../sdk.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { startSwitch } from '../switch.ts';
import { openClient, subscription, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

const PING_SECONDS = 2;
const PONG_SECONDS = 2;
/** After so much silence a client asks, and after so much more it takes its connection for dead. */
const ACTIVITY_SECONDS = 1;
const CLIENT_PONG_MS = 1_000;
const LEASE_MS = 10_000;
const SLACK_MS = 2_000;
const LEAVE_MS = 3_000;
const DELIVERY_MS = 3_000;

const redis = await startRedis();
after(() => redis[Symbol.asyncDispose]());
const toRedis = await startProxy(redis.port);
after(() => toRedis[Symbol.asyncDispose]());
const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  redis: redis.url,
  app: { webhooks: [{ url: receiver.url }] },
  env: {
    EDGE_PING_SECONDS: String(PING_SECONDS),
    EDGE_PONG_SECONDS: String(PONG_SECONDS),
    EDGE_ACTIVITY_TIMEOUT_SECONDS: String(ACTIVITY_SECONDS),
  },
  envOf: (role, index): Readonly<Record<string, string>> =>
    role === 'edge' && index === 0 ? { REDIS_URL: `redis://127.0.0.1:${toRedis.port}` } : {},
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);
const [edge, other] = cluster.edges;
assert.ok(edge !== undefined && other !== undefined);

const urlBy = ({ port }: Proxy): string =>
  cluster.edgeUrl(0).replace(`:${edge.port}/`, `:${port}/`);

describe('what is lost without a word', () => {
  it('[FS20] the way to a client: the edge notices by a PING without answer, and what the client held is told as gone once', async () => {
    await using path = await startProxy(edge.port);
    const room = 'presence-room';
    const near = await openClient(cluster, 0, [room, 'shared'], 'near');
    const far = await openRawSocket(urlBy(path));
    await far.subscribe('far');
    await far.subscribe('shared');
    const away = cluster.pusherJs(0, { wsPort: path.port, pongTimeout: CLIENT_PONG_MS });
    await subscribed(away.subscribe('sdk'));
    await untilCounts(sdk, { shared: 2, far: 1, sdk: 1 });
    for (const name of ['far', 'shared', 'sdk']) await receiver.storyOf(name, 1);

    path.freeze();
    const lostMs = performance.now();
    // Each is counted in whole seconds, of which the first had begun.
    const expiredMs = (PING_SECONDS + PONG_SECONDS + 2) * 1_000 + SLACK_MS;
    await untilCounts(sdk, { shared: 1, far: 0, sdk: 0, [room]: 1 }, expiredMs);
    assert.ok(performance.now() - lostMs > 1_000 * PONG_SECONDS, 'nobody waited for an answer');
    assert.equal(await metric(edge, 'fanfare_connections'), 1);
    for (const name of ['far', 'sdk'])
      assert.deepEqual(await receiver.storyOf(name, 2), ['channel_occupied', 'channel_vacated']);
    // The client found out by itself, and is back as soon as there is a way.
    await eventually(
      () => away.connection.state !== 'connected',
      () => 'pusher-js takes its connection for alive',
    );
    path.heal();
    const { code } = await far.closed;
    assert.equal(code, 4201);
    await inState(away, 'connected');
    await untilCounts(sdk, { shared: 1, far: 0, sdk: 1 });
    assert.equal((await receiver.storyOf('sdk', 3)).length, 3);

    // The marker: what else had been told would stand before this.
    await near[Symbol.asyncDispose]();
    away.disconnect();
    assert.deepEqual(await receiver.storyOf('shared', 2), ['channel_occupied', 'channel_vacated']);
    await receiver.storyOf('sdk', 4);
    assert.equal(receiver.story('far').length, 2);
  });

  it('[FS21] the machine of an edge: its clients come back elsewhere by themselves, and only what nobody holds there is told as gone', async () => {
    await using path = await startProxy(edge.port);
    await using balancer = await startSwitch(path.port);
    const room = 'presence-moved';
    const moved = 'private-moved';
    const away = cluster.pusherJs(0, { wsPort: balancer.port, pongTimeout: CLIENT_PONG_MS });
    const channel = await subscribed(away.subscribe(moved));
    const inbox = inboxOf(channel, 'e');
    const confirmations = inboxOf(channel, 'pusher:subscription_succeeded');
    await using gone = await openRawSocket(urlBy(path));
    await gone.subscribe('gone');
    gone.send('pusher:subscribe', subscription(sdk, gone.id, room, 'a'));
    assert.equal((await gone.frames.next()).event, 'pusher_internal:subscription_succeeded');
    await using there = await openClient(cluster, 1, [room], 'b');
    await untilCounts(sdk, { [moved]: 1, gone: 1, [room]: 2 });
    await receiver.storyOf(room, 3);
    for (const name of [moved, 'gone']) await receiver.storyOf(name, 1);

    toRedis.freeze();
    path.freeze();
    balancer.use(other.port);
    const lostMs = performance.now();
    const leftMs = (ms: number): number => ms - (performance.now() - lostMs);
    await confirmations.next();
    await untilCounts(sdk, { [moved]: 1, gone: 0, [room]: 1 }, leftMs(LEASE_MS + SLACK_MS));
    assert.deepEqual(await usersOf(sdk, room), ['b']);
    await sdk.trigger(moved, 'e', 'news');
    assert.equal(await inbox.next(), 'news');
    const goneMs = leftMs(LEASE_MS + SLACK_MS + LEAVE_MS + DELIVERY_MS);
    assert.deepEqual(await receiver.storyOf('gone', 2, goneMs), [
      'channel_occupied',
      'channel_vacated',
    ]);
    assert.deepEqual((await receiver.storyOf(room, 4, goneMs)).slice(3), ['member_removed a']);
    assert.deepEqual(
      (await there.untilPong()).map(({ event }) => event),
      ['pusher_internal:member_removed'],
    );

    // The marker: had the channel that moved been told as gone before, there would be more.
    away.disconnect();
    assert.deepEqual(await receiver.storyOf(moved, 2), ['channel_occupied', 'channel_vacated']);
    assert.equal(receiver.story('gone').length, 2);
  });
});
