import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { inboxOf, inState, subscribed, type PusherJs } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import { startProxy } from '../support/proxy.ts';
import { startSwitch } from '../switch.ts';
import { untilCounts } from '../truth.ts';

const [one, two] = ['one', 'two'].map((name) => ({
  key: `${name}-${randomBytes(6).toString('hex')}`,
  secret: randomBytes(16).toString('hex'),
})) as unknown as readonly [Token, Token];
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  app: { keys: [one, two] },
  env: { EDGE_ACTIVITY_TIMEOUT_SECONDS: '60', EDGE_PATH_PREFIX: '/behind/a/prefix' },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0, { app: { id: cluster.app.id, ...one } });

interface Token {
  readonly key: string;
  readonly secret: string;
}

type Options = NonNullable<Parameters<typeof cluster.pusherJs>[1]>;

function connect(edge: number, options: Options = {}): PusherJs {
  return cluster.pusherJs(
    edge,
    {
      channelAuthorization: {
        transport: 'ajax',
        endpoint: '',
        customHandler: ({ socketId, channelName }, callback) =>
          callback(null, sdk.authorizeChannel(socketId, channelName)),
      },
      wsPath: '/behind/a/prefix',
      ...options,
    },
    one.key,
  );
}

/** The events of the connection itself, each with what it brings. */
function lifeOf({ connection }: PusherJs, ...events: readonly string[]): Inbox<unknown> {
  const life = new Inbox<unknown>('events of the connection');
  for (const event of events) connection.bind(event, (data: unknown) => life.push([event, data]));
  return life;
}

describe('the connection of pusher-js', () => {
  it('[SK40] goes through its states and says so; connect after disconnect subscribes everything again', async () => {
    const pusher = connect(0);
    const life = lifeOf(pusher, 'state_change', 'connected', 'disconnected', 'connecting');
    const channels = ['again', 'private-again'].map((name) => pusher.subscribe(name));
    await Promise.all(channels.map(subscribed));
    const first = pusher.connection.socket_id;
    assert.match(first, /^\d+\.\d+$/);
    assert.deepEqual([pusher.shouldUseTLS(), pusher.connection.isUsingTLS()], [false, false]);
    assert.deepEqual(await life.take(2), [
      ['state_change', { previous: 'connecting', current: 'connected' }],
      ['connected', { socket_id: first }],
    ]);
    pusher.disconnect();
    assert.deepEqual(await life.take(2), [
      ['state_change', { previous: 'connected', current: 'disconnected' }],
      ['disconnected', undefined],
    ]);
    assert.deepEqual(
      channels.map((channel) => channel.subscribed),
      [false, false],
    );
    assert.equal(pusher.send_event('pusher:ping', {}), false);
    await untilCounts(sdk, { again: 0, 'private-again': 0 });
    const inboxes = channels.map((channel) => inboxOf(channel, 'e'));
    const back = channels.map((channel) => inboxOf(channel, 'pusher:subscription_succeeded'));
    pusher.connect();
    for (const inbox of back) await inbox.next();
    assert.notEqual(pusher.connection.socket_id, first);
    assert.deepEqual(await life.take(4), [
      ['state_change', { previous: 'disconnected', current: 'connecting' }],
      ['connecting', undefined],
      ['state_change', { previous: 'connecting', current: 'connected' }],
      ['connected', { socket_id: pusher.connection.socket_id }],
    ]);
    await sdk.trigger(['again', 'private-again'], 'e', 1);
    for (const inbox of inboxes) assert.equal(await inbox.next(), 1);
  });

  it('[SK41] an idle client pings as often as the shorter of the two timeouts says, and is answered', async () => {
    const patient = await inState(connect(0), 'connected');
    assert.equal(patient.connection.activityTimeout, 60_000);
    const pusher = await inState(
      connect(1, { activityTimeout: 200, pongTimeout: 2_000 }),
      'connected',
    );
    assert.equal(pusher.connection.activityTimeout, 200);
    const { socket_id: id } = pusher.connection;
    const pongs = new Inbox<unknown>('pongs');
    pusher.connection.bind('message', ({ event, data }: { event: string; data: unknown }) =>
      pongs.push([event, data]),
    );
    for (const pong of await pongs.take(4)) assert.deepEqual(pong, ['pusher:pong', {}]);
    assert.deepEqual([pusher.connection.state, pusher.connection.socket_id], ['connected', id]);
  });

  it('[SK42] a client that gets no pong leaves its connection for a new one', async () => {
    await using proxy = await startProxy(cluster.edges[0]?.port ?? 0);
    const pusher = connect(0, { wsPort: proxy.port, activityTimeout: 200, pongTimeout: 300 });
    const channel = await subscribed(pusher.subscribe('ponged'));
    const { socket_id: id } = pusher.connection;
    const life = lifeOf(pusher, 'state_change');
    const inbox = inboxOf(channel, 'pusher:subscription_succeeded');
    proxy.freeze();
    assert.deepEqual(await life.next(), [
      'state_change',
      { previous: 'connected', current: 'connecting' },
    ]);
    proxy.heal();
    await inbox.next();
    assert.notEqual(pusher.connection.socket_id, id);
  });

  it('[SK43] a connection that breaks is back after the second that `connecting_in` tells', async () => {
    await using proxy = await startProxy(cluster.edges[0]?.port ?? 0);
    const pusher = connect(0, { wsPort: proxy.port });
    const channel = await subscribed(pusher.subscribe('broken'));
    const inbox = inboxOf(channel, 'pusher:subscription_succeeded');
    const life = lifeOf(pusher, 'connecting_in', 'connected');
    proxy.cut();
    proxy.heal();
    assert.deepEqual(await life.next(), ['connecting_in', 1]);
    await inbox.next();
    assert.deepEqual(await life.next(), ['connected', { socket_id: pusher.connection.socket_id }]);
  });

  it('[SK44] a server that is silent makes it `unavailable`, and `connected` once it speaks', async () => {
    await using balancer = await startSwitch(cluster.edges[0]?.port ?? 0);
    balancer.hold();
    const pusher = connect(0, { wsPort: balancer.port, unavailableTimeout: 200 });
    await inState(pusher, 'unavailable');
    balancer.use(cluster.edges[0]?.port ?? 0);
    await inState(pusher, 'connected');
    await subscribed(pusher.subscribe('late'));
  });

  it('[SK45] switchCluster goes on under another key, with every subscription', async () => {
    const pusher = connect(0);
    const channel = await subscribed(pusher.subscribe('private-switched'));
    const { socket_id: id } = pusher.connection;
    const inbox = inboxOf(channel, 'pusher:subscription_succeeded');
    const heard = inboxOf(channel, 'e');
    pusher.switchCluster({ appKey: two.key, cluster: 'other' });
    await inbox.next();
    assert.equal(pusher.key, two.key);
    assert.notEqual(pusher.connection.socket_id, id);
    await sdk.trigger('private-switched', 'e', 1);
    assert.equal(await heard.next(), 1);
  });

  it('[SK46] wsPath, and the transports that are allowed or not, are taken as they are given', async () => {
    const some: readonly Options[] = [
      { enabledTransports: ['ws', 'wss'], disabledTransports: ['wss'] },
      { disabledTransports: ['xhr_streaming', 'xhr_polling', 'sockjs'] },
      { enableStats: false, timelineParams: { a: 1 }, ignoreNullOrigin: true },
      { disableStats: true },
    ];
    for (const options of some) {
      const pusher = connect(1, options);
      const inbox = inboxOf(await subscribed(pusher.subscribe('options')), 'e');
      await sdk.trigger('options', 'e', 1);
      assert.equal(await inbox.next(), 1);
      pusher.disconnect();
    }
    await inState(connect(1, { enabledTransports: [] }), 'failed');
    const lost = connect(1, { wsPath: '/elsewhere' });
    const [, error] = (await lifeOf(lost, 'error').next()) as [
      string,
      { error: { data: unknown } },
    ];
    assert.deepEqual(error.error.data, { code: 4005, message: 'Path not found' });
    await inState(lost, 'disconnected');
  });
});
